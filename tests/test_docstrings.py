"""Every example of every docstring runs; every public name has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import keras_seq

PACKAGES = sorted(m.name for m in pkgutil.iter_modules(keras_seq.__path__) if m.ispkg)
# Modules that are scripts: importing one does its work or needs its arguments.
SCRIPTS = {"keras_seq.export.convert": "runs in a process of its own, with arguments"}
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(keras_seq.__path__, "keras_seq.") if m.name not in SCRIPTS
)
# Public names without an example, and why.
NO_EXAMPLE = {
    "DataError": "an exception: what raises it says when",
    "Decoder": "abstract: its subclasses have examples",
    "Encoded": "made by encoders, whose examples show one",
    "ExportError": "an exception: what raises it says when",
    "FrameDataset": "made by load_frames, whose example reads one",
    "GatedCell": "abstract: a Cell with one option more, and its example would be that of LSTMCell",
    "ImageEncoder": "abstract: its subclasses have examples",
    "RecurrentDecoder": "abstract: its subclasses have examples",
    "TFLiteReport": "made by to_tflite, never by hand",
    "TextDataset": "made by load_texts, whose example reads one",
    "from_torch": "needs torch, which need not be installed: test_torch.py",
    "to_torch": "needs torch, which need not be installed: test_torch.py",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write files
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


PUBLIC = [
    (package, name)
    for package in PACKAGES
    for name in importlib.import_module(f"keras_seq.{package}").__all__
]


@pytest.mark.parametrize(("package", "name"), PUBLIC, ids=[name for _, name in PUBLIC])
def test_public_names_have_a_docstring_with_an_example(package, name):
    thing = getattr(importlib.import_module(f"keras_seq.{package}"), name)
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        assert name.isupper(), "neither a class nor a function, nor named as a constant"
        return
    # `vars`, since a class would show the docstring of its base.
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    assert own, "no docstring"
    assert own.splitlines()[0].strip().endswith((".", "?")), "the first line is a sentence"
    methods = vars(thing).values() if inspect.isclass(thing) else ()
    shown = own + "".join(getattr(method, "__doc__", None) or "" for method in methods)
    if name in NO_EXAMPLE:
        assert ">>>" not in shown, f"{name} has an example: take it off NO_EXAMPLE"
    else:
        assert ">>>" in shown, f"{name} has no example; write one, or give a reason in NO_EXAMPLE"


def test_reasons_belong_to_public_names():
    assert set(NO_EXAMPLE) <= {name for _, name in PUBLIC}
