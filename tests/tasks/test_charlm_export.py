"""Exports of a language model: streamed and whole, and a sample through the .tflite alone."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from layers.attending import randomise

from keras_seq.data import Symbols, load_language
from keras_seq.export import ExportError, export_all, read_files
from tasks import sample_from_file as alone
from tasks.__main__ import main
from tasks.charlm import Config, LanguageModelling
from tasks.run_directory import RunDirectory
from tasks.sample_from_file import drawn_ids, sample_from_file
from tasks.writer import Writer

OPTIONS = {"units": 10, "embedding_units": 5, "layers": 2, "length": 12, "batch_size": 4}


def made_run(path, source, **options):
    """A run as training leaves it, of a model with random weights."""
    config = Config(data=str(source), **{**OPTIONS, **options})
    task, run = LanguageModelling(), RunDirectory(path, "charlm", LanguageModelling.files)
    data = task.load(config)
    model = randomise(task.build(config, data), seed=3, scale=0.7)
    run.create(dataclasses.asdict(config))
    data.save(run)
    run.save_model(model)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charlm")
    text = load_language("builtin", characters=100_000).train[:4000] + "\u4f60 $"
    (folder / "book.txt").write_text(text, encoding="utf-8")
    return made_run(folder / "run", folder / "book.txt")


@pytest.fixture(scope="module")
def exported(run):
    """The folder of an export for any batch and length, and what the command printed."""
    folder = run.path.parent / "exported"
    arguments = ["export", "--run", str(run.path), "--to", str(folder), "--profile", "interpreter"]
    assert main(["charlm", *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def real(run):
    """Rows of real text, (3, 40)."""
    data = LanguageModelling().load(Config(data=run.config()["data"]))
    return data.ids("test")[:120].reshape(3, 40)


pytestmark = pytest.mark.slow


def test_what_the_folder_holds(run, exported):
    report = json.loads((exported / "report.json").read_text())
    assert set(report["tflite"]["signatures"]) == {"serving_default", "step"}
    assert report["tflite"]["compared_with_keras"].keys() == {"serving_default", "step"}
    assert report["saved_model"]["compared_with_keras"].keys() == {"tensors", "step"}
    measured = report["measured"]
    assert measured["symbols_written_by_the_tflite"] == measured["the_same_as_by_keras"] == 200
    assert measured["milliseconds_a_symbol"] > 0
    attached = read_files(exported / "model.tflite")["symbols.json"]
    assert (
        attached == (exported / "symbols.json").read_bytes() == (run / "symbols.json").read_bytes()
    )


@pytest.mark.parametrize("sizes", [[1] * 40, [7, 1, 30, 2], [40]])
def test_the_streamed_output_is_that_of_the_whole(run, exported, real, sizes):
    whole = run.model()(real).numpy()
    interpreter = Interpreter(str(exported / "model.tflite"))
    once = interpreter.get_signature_runner("serving_default")(ids=real)["logits"]
    np.testing.assert_allclose(once, whole, rtol=0, atol=1e-4)
    step = interpreter.get_signature_runner("step")
    names = set(step.get_input_details()) - {"ids"}
    assert names == {f"lstm_{n}_{state}" for n in (1, 2) for state in "hc"}
    states, found = {name: np.zeros((3, 10), "float32") for name in names}, []
    for chunk in np.split(real, np.cumsum(sizes)[:-1], axis=1):
        outputs = {name: np.array(value) for name, value in step(ids=chunk, **states).items()}
        found.append(outputs.pop("logits"))
        states = outputs
    np.testing.assert_allclose(np.concatenate(found, 1), whole, rtol=0, atol=1e-4)
    # The states are not of no account.
    assert np.abs(found[-1][:, -1] - run.model()(real[:, -1:]).numpy()[:, -1]).max() > 0.01


def test_the_saved_model_is_streamed_too(run, exported, real):
    loaded = tf.saved_model.load(str(exported / "saved_model"))
    whole = run.model()(real).numpy()
    once = loaded.signatures["serving_default"](ids=tf.constant(real))["logits"]
    np.testing.assert_allclose(once, whole, rtol=0, atol=1e-4)
    states = {f"lstm_{n}_{s}": tf.zeros((3, 10)) for n in (1, 2) for s in "hc"}
    found = []
    for place in range(0, 40, 8):
        outputs = loaded.signatures["step"](ids=tf.constant(real[:, place : place + 8]), **states)
        found.append(outputs["logits"])
        states = {name: outputs[name] for name in states}
    np.testing.assert_allclose(np.concatenate(found, 1), whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 0},
        {"temperature": 1.0},
        {"temperature": 0.7, "top_k": 5},
        {"temperature": 2.0, "top_k": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("prompt", ["", "def f(x):\n\treturn"])
def test_a_sample_through_the_file_alone(run, exported, how, prompt):
    """With one seed the text that Keras writes, and other seeds write others."""
    write = Writer(run.model(), Symbols.load(run.path), **how)
    found = "".join(sample_from_file(exported / "model.tflite", prompt, 60, seed=7, **how))
    assert found == "".join(write(prompt, 60, 7))
    other = "".join(sample_from_file(exported / "model.tflite", prompt, 60, seed=8, **how))
    assert (found == other) == (how["temperature"] == 0 or how.get("top_k") == 1)


def test_the_command_for_it(run, exported, capsys):
    path = str(exported / "model.tflite")
    options = ["--prompt", "x = ", "--length", "9", "--temperature", "0"]
    assert alone.main([path, *options]) == 0
    captured = capsys.readouterr()
    assert captured.out == "x = " + "".join(sample_from_file(path, "x = ", 9, temperature=0)) + "\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--length", "0"],
        ["--temperature", "nan"],
        ["--temperature", "-1"],
        ["--top-k", "0"],
        ["--seed", "-1"],
        ["--prompt", "a\udce9"],
    ],
    ids=str,
)
def test_wishes_of_the_command(exported, options, capsys):
    assert alone.main([str(exported / "model.tflite"), *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {options[0]} ")


def test_symbols_that_are_not_known():
    known = {"level": "characters", "unknown_id": None, "symbols": ["b", "a"]}
    assert alone._ids("ab", known) == [1, 0]
    with pytest.raises(alone.SampleError, match="does not know '\u00df', '\u00e9'"):
        alone._ids("a\u00e9\u00df", known)
    words = {"level": "words", "unknown_id": 0, "symbols": ["?", "<eos>", "dog"]}
    assert alone._ids(" dog ?\ncat", words) == [2, 0, 1, 0]


def test_files_that_are_no_such_export(exported, tmp_path, capsys):
    whole = (exported / "model.tflite").read_bytes()
    for name, content in (
        ("none.tflite", None),
        ("text.tflite", b"text"),
        ("half.tflite", whole[: len(whole) // 2]),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert alone.main([str(tmp_path / name)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert name in err
        assert "tasks charlm export" in err


def test_draws_follow_the_probabilities():
    """Of a step that always gives the same logits, by the shares that they stand for."""
    logits = np.log(np.array([0.5, 0.2, 0.2, 0.1]))

    def share(**options):
        def step(inputs):
            return {"logits": logits[np.newaxis, np.newaxis], "h": inputs["h"] + 1}

        ids = list(drawn_ids(step, {"h": np.zeros(1)}, [0], 4000, seed=1, **options))
        return np.bincount(ids, minlength=4) / 4000

    np.testing.assert_allclose(share(), [0.5, 0.2, 0.2, 0.1], atol=0.03)
    cold = np.array([0.25, 0.04, 0.04, 0.01]) / 0.34
    np.testing.assert_allclose(share(temperature=0.5), cold, atol=0.03)
    # Those as likely as the last one kept are kept too.
    np.testing.assert_allclose(share(top_k=2), np.array([5, 2, 2, 0]) / 9, atol=0.03)
    np.testing.assert_allclose(share(unknown=0), [0, 0.4, 0.4, 0.2], atol=0.03)
    assert share(temperature=0).tolist() == [1, 0, 0, 0]


def test_the_report_knows_the_export(run, exported):
    from tasks.exported import export_figures, is_of, read_report

    assert is_of(exported, run.model()) is True
    figures = export_figures(read_report(exported, needed=True))
    assert "largest difference Keras–TFLite, step" in figures
    assert figures["the same as by keras"] == "200"


def test_names_of_files_are_their_own(run, tmp_path):
    for name in ("report.json", "model.tflite", "saved_model"):
        with pytest.raises(ExportError, match=f"names of their own; got {name}"):
            export_all(run.model(), tmp_path / "out", files={name: "mine"})
    assert not (tmp_path / "out").exists()


@pytest.mark.long
@pytest.mark.parametrize("quantize", [None, "dynamic", "int8"])
def test_portable_exports(run, tmp_path, quantize, capsys):
    rounded = ["--quantize", quantize] if quantize else []
    arguments = ["export", "--run", str(run.path), "--to", str(tmp_path / "out"), *rounded]
    assert main(["charlm", *arguments]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["tflite"]["profile"] == "portable"
    shapes = report["tflite"]["signatures"]["step"]["inputs"]
    assert [1, 1] in [list(shape) for shape in _shapes(shapes)]
    text = "".join(sample_from_file(tmp_path / "out" / "model.tflite", "de", 30, seed=1))
    assert len(text) == 30


def _shapes(inputs):
    return [tensor["shape"] if isinstance(tensor, dict) else tensor for tensor in inputs.values()]


@pytest.mark.long
def test_words(tmp_path):
    """With the unknown word, which is never written, and spaces between the others."""
    lines = ["the dog saw a cat", "a bird saw the dog", "the cat sat", "no dog sat"]
    (tmp_path / "pets.txt").write_text("".join(f"{line}\n" for line in lines) * 40)
    run = made_run(tmp_path / "run", tmp_path / "pets.txt", level="words", vocabulary_size=8)
    assert Symbols.load(run.path).unknown
    assert main(["charlm", "export", "--run", str(run.path), "--to", str(tmp_path / "out")]) == 0
    write = Writer(run.model(), Symbols.load(run.path), temperature=1.5)
    for prompt in ("", "the dog", "the dog\n", "the zebra"):
        path = tmp_path / "out" / "model.tflite"
        found = "".join(sample_from_file(path, prompt, 50, temperature=1.5, seed=2))
        assert found == "".join(write(prompt, 50, 2))
        assert "\u2047" not in found
        begins_line = prompt in ("", "the dog\n")
        assert not found.startswith(" ") if begins_line else found.startswith((" ", "\n"))


def test_a_run_without_samples_is_told(run, tmp_path, capsys):
    other = tmp_path / "run"
    shutil.copytree(run.path, other)
    (other / "samples.json").unlink()
    assert main(["charlm", "export", "--run", str(other), "--to", str(tmp_path / "out")]) == 2
    assert "samples.json" in capsys.readouterr().err
