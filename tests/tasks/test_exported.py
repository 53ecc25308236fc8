"""The export in the report of a run: shown if it is of the run's model."""

import pytest
import tensorflow as tf
from parsed_page import Parsed

from tasks import report_run
from tasks.exported import export_figures, is_of
from tasks.report import Page, render
from tasks.run_directory import RunDirectory

REPORT = {
    "saved_model": {"bytes": 1e6, "compared_with_keras": {"ids": {"difference": 2e-8}}},
    "tflite": {
        "bytes": 5e5,
        "ops": {"ADD": 3, "MUL": 4},
        "quantize": None,
        "profile": "portable",
        "compared_with_keras": {"serving_default": {"difference": 3e-8, "rows": 9, "batches": 5}},
        "latency": {"median_ms": 0.25, "shapes": {"ids": [1, 9]}},
    },
}


@pytest.fixture(scope="module")
def model(finished_run):
    return RunDirectory(finished_run, "sentiment").model()


def save(folder, weights):
    """As in a SavedModel."""
    place = folder / "saved_model" / "variables"
    place.mkdir(parents=True)
    variables = [tf.Variable(weight) for weight in weights]
    tf.train.Checkpoint(variables=variables).write(str(place / "variables"))


def section(folder, report, finished_run, model):
    run = RunDirectory(finished_run, "sentiment")
    return Parsed(render(Page("", [], [report_run.export(folder, report, run, model)])))


def test_of_this_run(tmp_path, finished_run, model):
    save(tmp_path, model.get_weights())
    assert is_of(tmp_path, model) is True
    page = section(tmp_path, REPORT, finished_run, model)
    assert "has the weights of this run's model" in page.words["Export"]
    assert ["TFLite", "0.50 MB, 7 builtin ops, float32, portable"] in page.tables["Export"][0]


def test_of_another_run(tmp_path, finished_run, model):
    save(tmp_path, [weight + 1 for weight in model.get_weights()])
    assert is_of(tmp_path, model) is False
    page = section(tmp_path, REPORT, finished_run, model)
    assert "other weights" in page.words["Export"]
    assert f"export --run {finished_run} --to {tmp_path}" in page.words["Export"]
    assert not page.tables


def test_that_cannot_be_told(tmp_path, finished_run, model):
    assert is_of(tmp_path, model) is None
    page = section(tmp_path, REPORT, finished_run, model)
    assert "cannot be told" in page.words["Export"]
    assert page.tables


def test_none(tmp_path, finished_run, model):
    page = section(tmp_path, None, finished_run, model)
    assert "Not exported yet" in page.words["Export"]
    assert f"--to {tmp_path}" in page.words["Export"]


def test_of_a_model_that_writes_sequences():
    """Each search has its share of equal sequences; what has none is not told of."""
    whole = {"difference": 2e-6, "rows": 9, "batches": 4}
    compared = {
        "greedy": {**whole, "equal": 1.0},
        "beam": {**whole, "equal": 0.875, "difference": 3e-5},
        "encode": {**whole, "equal": 1.0},
        "decode_step": {**whole, "equal": None},
    }
    latency = {"median_ms": 2.5, "shapes": {"source": [1, 9]}}
    tflite = REPORT["tflite"] | {"compared_with_keras": compared, "latency": {"beam": latency}}
    found = export_figures(REPORT | {"tflite": tflite})
    told = [name for name in found if name.startswith("sequences equal")]
    assert told == [f"sequences equal Keras–TFLite, {name}" for name in ("greedy", "beam")]
    assert found[told[1]] == "87.5% of 9, scores within 3.0e-05"
    assert found["TFLite latency, beam"] == "2.50 ms median (1 × 9 ids, one thread)"


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ({"source": [1, 8, 12, 3]}, "1 × 8 × 12 × 3 numbers"),
        ({"source": [1, 9]}, "1 × 9 ids"),
        ({"features": [1, 12, 5]}, "1 × 12 × 5 features"),
    ],
)
def test_what_the_latency_is_of(shapes, told):
    latency = {"median_ms": 0.75, "shapes": shapes}
    found = export_figures(REPORT | {"tflite": REPORT["tflite"] | {"latency": latency}})
    assert found["TFLite latency"] == f"0.75 ms median ({told}, one thread)"
