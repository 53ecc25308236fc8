"""Labels of frames: the built-in clips, and phases of gestures in videos that are left out.

Run as `python -m benchmarks.frame_labelling [builtin] [gestures] --data FOLDER`, or with the folder
in the environment variable SEQUENCES_DATA_DIR; in it lies `gesture_phase/gesture_phase.npz`. A
finished run is kept in `--cache` at once, so that a benchmark that was killed goes on where it was.
Writes its sections of docs/RESULTS.md.
"""

import argparse
import dataclasses
import hashlib
import os
import statistics
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console

from benchmarks.gesture_phases import FILE, convert
from benchmarks.journal import Journal
from benchmarks.measure import warn_if_busy
from benchmarks.results import mean_and_range, table, write_section
from keras_seq.data import load_frames
from keras_seq.metrics import frame_accuracy, macro_f1, segment_f1
from tasks.frames import Frames
from tasks.frames_baselines import commonest
from tasks.frames_config import Config
from tasks.runner import Runner

CACHE = Path("runs/frame_labelling.jsonl")
SECTIONS = ("builtin", "gestures")
SEEDS = (0, 1, 2)
BUILTIN: dict[str, dict[str, Any]] = {
    "causal GRU": {},
    "GRU in both directions": {"bidirectional": True},
    "the same without a recurrent layer": {"cell": "none"},
}
_OF_GESTURES = {
    "monitor": "macro_f1",
    "max_length": 128,
    "bucket_lengths": (128, 512, 1024),
    "batch_size": 8,
    "epochs": 20,
    "learning_rate": 2e-3,
}
_OF_GRUS = (
    {"dropout": 0.3},
    {"dropout": 0.5},
    {"dropout": 0.3, "learning_rate": 1e-3},
    {"dropout": 0.3, "learning_rate": 6e-3},
    {"dropout": 0.3, "learning_rate": 4e-3, "epochs": 60},
)
# Of each system, in each fold, the options with the best validation figure there are tested.
GESTURES: dict[str, list[dict[str, Any]]] = {
    "GRU in both directions": [
        {**_OF_GESTURES, "bidirectional": True, **options} for options in _OF_GRUS
    ],
    "causal GRU": [{**_OF_GESTURES, **options} for options in _OF_GRUS],
    "logistic regression on each frame": [
        {**_OF_GESTURES, "cell": "none", "learning_rate": rate, "epochs": epochs}
        for rate, epochs in ((2e-3, 20), (1e-2, 20), (3e-2, 20), (1e-1, 20), (3e-2, 60))
    ],
}
FIGURES = {
    "test_accuracy": "accuracy",
    "test_macro_f1": "macro-F1",
    "test_segment_f1_50": "segment F1, overlap 0.5",
}


def train(config: Config, journal: Journal, named: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a run, which is made if the journal has none.

    Args:
        config: Its options.
        journal: Where finished runs are.
        named: What tells the data, in place of the path.
    """
    options = dataclasses.asdict(config)
    settings = {**options, "bucket_lengths": list(config.bucket_lengths), **named}
    settings["filters"] = list(config.filters)
    found = journal.find(settings)
    if found is None:
        with tempfile.TemporaryDirectory() as folder:
            found = Runner(Frames(), Path(folder, "run"), Console(quiet=True)).train(config)
        found.pop("data")
        journal.add(settings, found)
        keras.backend.clear_session()
    return found


def majority(config: Config) -> dict[str, float]:
    """The figures of giving each test frame the commonest label in training."""
    frames = load_frames(config.data, **config.sources(leave_out=config.leave_out))
    true = [video.targets for video in frames.test]
    label = commonest(frames.train)
    found = [np.full(len(labels), label) for labels in true]
    whole = [np.concatenate(part) for part in (true, found)]
    return {
        "test_accuracy": frame_accuracy(*whole),
        "test_macro_f1": macro_f1(*whole, len(frames.label_names)),
        "test_segment_f1_50": segment_f1(true, found, 0.5),
    }


def builtin(journal: Journal, seeds: Sequence[int]) -> str:
    """The section on the built-in clips."""
    rows = []
    for name, options in BUILTIN.items():
        runs = []
        for seed in seeds:
            runs.append(train(Config(seed=seed, **options), journal, {"data": "builtin"}))
            print(f"{name}, seed {seed}: {runs[-1]['test_accuracy']:.4f}", flush=True)
        figures = [mean_and_range([run[key] for run in runs], 4) for key in FIGURES]
        seconds = statistics.mean(run["train_seconds"] for run in runs)
        rows.append([name, *figures, f"{seconds:.0f}", f"{runs[0]['parameters']:,}"])
    figures = [f"{value:.4f}" for value in majority(Config()).values()]
    rows.append(["the commonest label in training", *figures, "–", "–"])
    header = ["system", *FIGURES.values(), "seconds of training", "parameters"]
    return (
        "Clips of moving shapes; the label of a frame is the direction in which they came from the "
        "frame before, and a single frame says nothing about it. Each system has the options of "
        "`python -m tasks frames options`, but for what its name says; best epoch by validation. "
        f"150 test clips, looked at once by each run. Mean over {_seeds(seeds)} (range).\n\n"
        f"{table(header, rows)}"
    )


def gestures(journal: Journal, source: Path, seeds: Sequence[int]) -> str:
    """The section on the phases of gestures, a fold for each video."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "gestures.npz")
        names = convert(source, data)
        named = {"data": "gesture_phase", "digest": _digest(data)}
        rows = []
        for system, candidates in GESTURES.items():
            chosen = []
            for name in names:
                configs = {
                    _told(options): [_fold(data, name, seed, options) for seed in seeds]
                    for options in candidates
                }
                chosen.append(_best(configs, journal, named))
                print(f"{system}, without {name}: {chosen[-1][0]}", flush=True)
            rows.append([system, _counted([told for told, _ in chosen]), *_figures(chosen)])
        plain = [("", [majority(_fold(data, name, 0, {}))]) for name in names]
        rows.append(["the commonest label in training", "–", *_figures(plain)])
    header = ["system", "chosen", *FIGURES.values(), *(f"macro-F1 {name}" for name in names)]
    tried = "; ".join(f"{len(candidates)} of {name}" for name, candidates in GESTURES.items())
    return (
        "The seven videos of the Gesture Phase data set (Madeo, Wagner & Peres, 2014, UCI), five "
        "phases. Each video is left out once and tested on by models of the others, among which "
        "are other videos of the same person; the seed draws one of them for validation: best "
        f"epoch and options of a fold come from there (tried: {tried}). Features: places of hands "
        "and wrists from the spine, velocities and accelerations, the same for all systems; videos "
        "are cut into windows of 128 frames for training and read whole for the test. Means over "
        f"the videos and {_seeds(seeds)}.\n\n{table(header, rows)}"
    )


def _fold(data: Path, left_out: str, seed: int, options: Mapping[str, Any]) -> Config:
    return Config(data=str(data), leave_out=left_out, seed=seed, **options)


def _best(
    candidates: Mapping[str, Sequence[Config]], journal: Journal, named: Mapping[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    """Which of a fold's candidates has the best mean validation figure, and its runs."""
    runs = {
        told: [train(c, journal, named) for c in configs] for told, configs in candidates.items()
    }

    def figure(told: str) -> float:
        return statistics.mean(run["validation_macro_f1"] for run in runs[told])

    best = max(runs, key=figure)
    return best, runs[best]


def _digest(data: Path) -> str:
    """Of the arrays in a file, so that runs on others do not stand for those on these."""
    with np.load(data) as arrays:
        parts = [name.encode() + arrays[name].tobytes() for name in sorted(arrays)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def _counted(chosen: Sequence[str]) -> str:
    """What was chosen in how many folds."""
    counts = Counter(chosen).most_common()
    return "; ".join(f"{told} ({count} of {len(chosen)})" for told, count in counts)


def _figures(folds: Sequence[tuple[str, Sequence[Mapping[str, float]]]]) -> list[str]:
    """Means over all runs, then the macro-F1 of each fold."""
    every = [run for _, runs in folds for run in runs]
    means = [statistics.mean(run[key] for run in every) for key in FIGURES]
    by_fold = [statistics.mean(run["test_macro_f1"] for run in runs) for _, runs in folds]
    return [f"{mean:.4f}" for mean in (*means, *by_fold)]


def _told(options: Mapping[str, Any]) -> str:
    """What tells the candidates of a system from each other."""
    shown = ("dropout", "learning_rate", "epochs")
    return ", ".join(f"{name} {options[name]:g}" for name in shown if name in options)


def _seeds(seeds: Sequence[int]) -> str:
    return "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains what is not there yet, then writes the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--data", default=os.environ.get("SEQUENCES_DATA_DIR"))
    parser.add_argument("--seeds", type=int, nargs="+", help="0 1 2 of builtin, 0 1 of gestures")
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished runs (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print, write the cache alone")
    options = parser.parse_args(arguments)
    wanted = options.sections or SECTIONS
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"{sorted(unknown)[0]!r} is none of {', '.join(SECTIONS)}.")
    source = Path(options.data or "", FILE)
    if "gestures" in wanted and not (options.data and source.exists()):
        parser.error(
            f"say by --data or SEQUENCES_DATA_DIR where {FILE} lies, or name builtin alone."
        )
    warn_if_busy()
    journal, command = Journal(options.cache), "python -m benchmarks.frame_labelling"
    if "builtin" in wanted:
        body = builtin(journal, options.seeds or SEEDS)
        _write("Frame labels", f"{command} builtin", body, options.dry_run)
    if "gestures" in wanted:
        body = gestures(journal, source, options.seeds or SEEDS[:2])
        _write("Gesture phases", f"{command} gestures", body, options.dry_run)


def _write(title: str, command: str, body: str, dry_run: bool) -> None:
    if dry_run:
        print(body)
    else:
        write_section(title, command, body)


if __name__ == "__main__":
    main()
