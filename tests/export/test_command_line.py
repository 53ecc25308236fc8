"""`python -m keras_seq`: what works, and what is refused with which words."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_seq.__main__ import main
from keras_seq.export import TFLiteFile, read_files

from . import tiny

OWN_CODE = """
import keras

@keras.saving.register_keras_serializable("test_command_line")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs
"""


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a verb in an empty folder; gives status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "path", [*sys.path])  # --python adds to it

    def run(*words):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A Keras model without a loop, so quick to convert."""
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(6, 4)(ids))
    model = keras.Model(ids, keras.layers.Dense(2, activation="softmax", name="scores")(x))
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    path = tmp_path_factory.mktemp("counter") / "counter.tflite"
    path.write_bytes(tiny.convert_counter())
    return path


def _names(folder):
    return sorted(item.name for item in folder.iterdir())


def test_export_writes_all_that_is_named(run, saved, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("no\nyes\n")
    status, output, _ = run(
        *("export", saved, "--tflite", "out/model.tflite", "--saved-model", "out/saved"),
        *("--profile", "portable", "--length", 7, "--attach", labels, "--report", "report.json"),
    )
    assert status == 0
    assert "out/model.tflite" in output
    assert "portable" in output
    file = TFLiteFile.read("out/model.tflite")
    assert file.signatures["serving_default"].inputs["ids"].shape == (1, 7)
    assert read_files("out/model.tflite") == {"labels.txt": b"no\nyes\n"}
    assert _names(tmp_path / "out") == ["model.tflite", "saved"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["tflite"]["bytes"] == file.size
    assert report["saved_model"] == "out/saved"


def test_own_code_and_int8(run, tmp_path):
    (tmp_path / "own_layers.py").write_text(OWN_CODE)
    code = OWN_CODE + (
        "inputs = keras.Input((3,), name='x')\n"
        "keras.Model(inputs, keras.layers.Dense(2)(Twice()(inputs))).save('own.keras')\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.savez("rows.npz", x=np.random.default_rng(0).normal(size=(64, 3)).astype("float32"))
    export = ("export", "own.keras", "--tflite", "own.tflite")
    status, _, errors = run(*export)
    assert status == 1
    assert "needs the class 'Twice'" in errors
    assert "--python my_code.py" in errors
    status, output, errors = run(
        *(
            *export,
            "--python",
            "own_layers.py",
            "--quantize",
            "int8",
            "--representative",
            "rows.npz",
        )
    )
    assert status == 0, errors
    assert "int8" in output
    assert TFLiteFile.read("own.tflite").quantization.int8_ops


def test_nothing_is_replaced_by_a_refused_export(run, saved, tmp_path):
    for name in ("model.tflite", "report.json"):
        (tmp_path / name).write_text("an earlier one")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "work.txt").write_text("somebody's")
    status, _, errors = run(
        *("export", saved, "--tflite", "model.tflite", "--saved-model", "saved"),
        *("--report", "report.json"),
    )
    assert status == 1
    assert "holds what no export wrote (work.txt)" in errors
    assert _names(tmp_path) == ["model.tflite", "report.json", "saved"]
    assert (tmp_path / "model.tflite").read_text() == "an earlier one"
    assert (tmp_path / "report.json").read_text() == "an earlier one"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Nothing to write: give --tflite FILE"),
        (["--saved-model", "d", "--quantize", "int8"], "(quantize): add --tflite"),
        (["--tflite", "f", "--quantize", "int8"], "give --representative DATA"),
        (["--tflite", "f", "--attach", "none.txt"], "none.txt: No such file"),
        (["--tflite", "f", "--representative", "none.npy"], "Could not read none.npy"),
        (["--tflite", "f", "--representative", "objects.npy"], "holds Python objects"),
        (["--tflite", "f", "--python", "none.py"], "--python none.py: no such file"),
        (["--tflite", "f", "--python", "no_such_module"], "No module named 'no_such_module'"),
        (["--tflite", "f", "--python", "broken.py"], "broken.py fails: ZeroDivisionError"),
        (["--tflite", "f", "--length", "0"], "length must be"),
    ],
)
def test_options_that_cannot_be_used(run, saved, tmp_path, words, said):
    (tmp_path / "broken.py").write_text("1 / 0")
    np.save("objects.npy", np.array([{}]), allow_pickle=True)
    before = _names(tmp_path)
    status, output, errors = run("export", saved, *words)
    assert (status, output) == (1, "")
    assert errors.startswith("error: ")
    assert said in errors
    assert [name for name in _names(tmp_path) if name != "__pycache__"] == before


def test_models_that_cannot_be_loaded(run, saved, tmp_path):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "cut.keras").write_bytes(saved.read_bytes()[:2000])
    (tmp_path / "old.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    doubled = keras.layers.Lambda(lambda x: 2 * x)
    keras.Sequential([keras.Input((3,)), doubled]).save("lambda.keras")
    for name, said in [
        ("missing.keras", "Could not read missing.keras: no such file"),
        ("folder.keras", "is a folder; expected a .keras file"),
        ("cut.keras", "is not a .keras file, or is cut off"),
        ("old.h5", "older format: load it in Keras, and save it as .keras"),
        ("lambda.keras", "holds a Lambda layer"),
    ]:
        status, _, errors = run("export", name, "--tflite", "f.tflite")
        assert status == 1
        assert said in errors
        assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exprot"], "Did you mean export?"),
        (["export", "m.keras", "--quantise", "int8"], "--quantise int8. Did you mean --quantize?"),
        (["export", "m.keras", "--mode", "lop"], "Did you mean loop?"),
        (["export", "m.keras", "--length", "x"], "invalid int value: 'x'"),
        (["bench", "m.tflite", "more"], "unrecognized arguments: more"),
        ([], "required: VERB"),
    ],
)
def test_words_that_are_no_command(run, words, said):
    status, _, errors = run(*words)
    assert status == 2
    assert said in errors


def test_inspect(run, counter):
    status, output, _ = run("inspect", counter)
    assert status == 0
    for words in ("portable", "float32 [1, 4]", "VAR_HANDLE", "reset", "TensorFlow"):
        assert words in output
    status, output, _ = run("inspect", counter, "--json")
    found = json.loads(output)
    assert (found["profile"], found["findings"]) == ("portable", [])
    assert found["signatures"]["add"]["inputs"]["x"]["dtype"] == "FLOAT32"


def test_inspect_tells_why_a_file_is_not_portable(run, classifier):
    path = classifier[1] / "model.tflite"
    status, output, _ = run("inspect", path)
    assert status == 0
    assert "- input ids has a dynamic shape (-1, -1): export with batch_size=" in output
    assert "vocabulary.txt" in output
    found = json.loads(run("inspect", path, "--json")[1])
    assert found["profile"] == "interpreter"
    assert found["files"]["labels.txt"] == len("negative\npositive\n")


def test_bench(run, classifier):
    path = classifier[1] / "model.tflite"
    status, output, _ = run("bench", path, "--runs", 5, "--length", 9)
    assert status == 0
    for words in ("ids [1, 9]", "median", "p99", "memory", "load"):
        assert words in output
    np.savez("ids.npz", ids=np.array([[1, 2, 3]]))
    status, output, _ = run("bench", path, "--runs", 5, "--input", "ids.npz", "--json")
    found = json.loads(output)
    assert found["latency"]["shapes"] == {"ids": [1, 3]}
    assert found["memory_bytes"] > 0


@pytest.mark.parametrize("verb", ["inspect", "bench"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.tflite", "Could not read missing.tflite"),
        ("folder", "Could not read folder"),
        ("text.tflite", "text.tflite is not a .tflite file"),
        ("cut.tflite", "cut.tflite is cut off or damaged"),
    ],
)
def test_files_that_are_no_tflite(run, counter, tmp_path, verb, name, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.tflite").write_text("some text")
    (tmp_path / "cut.tflite").write_bytes(counter.read_bytes()[:900])
    status, output, errors = run(verb, name)
    assert (status, output) == (1, "")
    assert errors.startswith("error: ")
    assert said in errors


def test_bench_that_makes_no_sense(run, counter, tmp_path):
    np.save("x.npy", np.ones((1, 4)))
    for words, said in [
        (["--signature", "ad"], "no signature 'ad', only add, reset"),
        (["--signature", "add", "--runs", "0"], "runs must be at least 1"),
        (["--signature", "add", "--input", "x.npy"], "takes an .npz with arrays by input name"),
    ]:
        status, _, errors = run("bench", counter, *words)
        assert status == 1
        assert said in errors


def test_the_program_starts_without_notes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "keras_seq", "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(verb in done.stdout for verb in ("export", "inspect", "bench"))
