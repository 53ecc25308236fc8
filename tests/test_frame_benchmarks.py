"""The benchmark of frames: the gestures' features, runs that are made once, and what is told."""

import statistics

import keras
import numpy as np
import pytest

from benchmarks import frame_labelling
from benchmarks.frame_labelling import FIGURES, main, majority
from benchmarks.gesture_phases import FILE, convert, relative_places
from keras_seq.data import load_frames
from tasks.frames_config import Config

CLASSES = ("Rest", "Hold", "Stroke")
FRAMES = {"a1": 30, "a2": 24, "b1": 28, "c1": 26}
TINY = {"epochs": 1, "units": 2, "batch_size": 4, "monitor": "macro_f1", "bucket_lengths": (32,)}


@pytest.fixture
def folder(tmp_path):
    """A small data set in the layout of the real one."""
    random = np.random.default_rng(0)
    arrays = {"videos": np.array([*FRAMES]), "classes": np.array(CLASSES)}
    for name, count in FRAMES.items():
        labels = np.repeat(random.permutation(30) % 3, 3)[:count].astype(np.int8)
        arrays[f"{name}_raw"] = random.normal(2, 1, (count, 18)).astype(np.float32)
        arrays[f"{name}_raw_label"] = labels
        arrays[f"{name}_processed"] = random.normal(size=(count - 4, 32)).astype(np.float32)
        arrays[f"{name}_processed_label"] = labels[4:]
    (tmp_path / FILE).parent.mkdir(parents=True)
    np.savez(tmp_path / FILE, **arrays)
    return tmp_path


def test_gestures_as_the_task_reads_them(folder, tmp_path):
    names = convert(folder / FILE, tmp_path / "out.npz")
    assert names == [*FRAMES]
    videos = load_frames(tmp_path / "out.npz", test_only=True, label_names=CLASSES)
    assert len(videos.feature_names) == 44
    with np.load(folder / FILE) as source:
        for video in videos.test:
            raw, labels = (source[f"{video.name}_{kind}"] for kind in ("raw", "raw_label"))
            assert video.targets.tolist() == labels[4:].tolist()
            np.testing.assert_array_equal(video.features[:, 12:], source[f"{video.name}_processed"])
            for frame in (0, 7, len(video) - 1):
                points = raw[frame + 4].astype(float).reshape(6, 3)
                spine, size = points[3], np.hypot(*(points[2] - points[3])[:2])
                for place, part in enumerate((0, 1, 4, 5)):
                    side, up, front = points[part] - spine
                    np.testing.assert_allclose(
                        video.features[frame, 3 * place : 3 * place + 3],
                        [side / size, up / size, front],
                        rtol=1e-4,
                    )


def test_another_place_and_unit_change_nothing():
    raw = np.random.default_rng(1).normal(2, 1, (5, 18))
    points = raw.reshape(5, 6, 3)
    other = points * [0.1, 0.1, 1.0] + [4.0, -2.0, 0.5]
    np.testing.assert_allclose(
        relative_places(other.reshape(5, 18)), relative_places(raw), rtol=1e-9
    )


def test_the_commonest_label(folder, tmp_path):
    convert(folder / FILE, tmp_path / "out.npz")
    config = Config(data=str(tmp_path / "out.npz"), leave_out="b1")
    frames = load_frames(config.data, leave_out="b1")
    counts = np.bincount(np.concatenate([video.targets for video in frames.train]))
    share = np.mean(frames.test[0].targets == counts.argmax())
    found = majority(config)
    assert found["test_accuracy"] == pytest.approx(share)
    assert found["test_macro_f1"] == pytest.approx(2 * share / (1 + share) / 3)


@pytest.fixture
def written(monkeypatch):
    kept = []
    monkeypatch.setattr(frame_labelling, "write_section", lambda *section: kept.append(section))
    return kept


@pytest.fixture
def made(monkeypatch):
    """Figures in place of trainings: those that validation prefers are not those that test does."""
    runs = []

    class Fake:
        def __init__(self, task, path, console):
            pass

        def train(self, config):
            runs.append(config)
            better = config.dropout == 0.5 or config.learning_rate == 1e-2
            if config.leave_out == "b1":
                better = not better
            figures = {"data": config.data, "validation_macro_f1": 0.6 if better else 0.5}
            base = 0.1 + 0.01 * config.seed + 0.001 * len(config.leave_out or "")
            score = base + (0.2 if better else 0.4) + 0.1 * config.bidirectional
            return {
                **figures,
                **dict.fromkeys(FIGURES, score),
                "train_seconds": 12.0,
                "parameters": 1234,
            }

    monkeypatch.setattr(frame_labelling, "Runner", Fake)
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)  # seconds for nothing
    return runs


def test_sections(folder, tmp_path, written, made):
    arguments = ["--data", str(folder), "--cache", str(tmp_path / "cache.jsonl")]
    main(arguments)
    assert [section[:2] for section in written] == [
        ("Frame labels", "python -m benchmarks.frame_labelling builtin"),
        ("Gesture phases", "python -m benchmarks.frame_labelling gestures"),
    ]
    builtin, gestures = (section[2] for section in written)
    # Better options or not: of the built-in clips there are none to choose from.
    scores = [0.1 + 0.01 * seed + 0.4 for seed in range(3)]
    shown = f"{statistics.mean(scores):.4f} ({scores[0]:.4f}–{scores[-1]:.4f})"
    assert f"| causal GRU | {shown} | {shown} | {shown} | 12 | 1,234 |" in builtin
    # What validation prefers in a fold, with its own test figures.
    wanted = statistics.mean(0.1 + 0.01 * seed + 0.002 + 0.2 for seed in (0, 1))
    row = [f"{wanted:.4f}"] * (3 + len(FRAMES))
    told = "learning_rate 0.002, epochs 20"
    chosen = f"dropout 0.5, {told} (3 of 4); dropout 0.3, {told} (1 of 4)"
    assert f"| causal GRU | {chosen} | {' | '.join(row)} |" in gestures
    assert "| the commonest label in training | – |" in gestures
    assert {config.leave_out for config in made} == {"", *FRAMES}

    # Nothing is trained again.
    count = len(made)
    main(arguments)
    assert len(made) == count
    assert written[:2] == written[2:]
    main([*arguments, "builtin", "--seeds", "7", "--dry-run"])
    assert len(made) == count + 3
    assert len(written) == 4


@pytest.mark.long
def test_a_fold_is_trained(folder, tmp_path, capsys, monkeypatch, written):
    monkeypatch.setattr(
        frame_labelling, "GESTURES", {"tiny": [TINY], "flat": [{**TINY, "cell": "none"}]}
    )
    cache = tmp_path / "cache.jsonl"
    main(["gestures", "--data", str(folder), "--cache", str(cache), "--seeds", "3"])
    [(_, _, body)] = written
    assert "| tiny |" in body
    assert "one seed" in body
    assert len(cache.read_text().splitlines()) == 2 * len(FRAMES)


def test_what_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SEQUENCES_DATA_DIR", raising=False)
    for arguments, words in (
        (["faces"], "'faces' is none of builtin, gestures"),
        ([], "SEQUENCES_DATA_DIR"),
        (["gestures", "--data", str(tmp_path)], "gesture_phase.npz"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert words in capsys.readouterr().err


def test_the_configurations_can_be_made():
    for options in frame_labelling.BUILTIN.values():
        assert Config(**options)
    for candidates in frame_labelling.GESTURES.values():
        assert all(Config(**options).monitor == "macro_f1" for options in candidates)
