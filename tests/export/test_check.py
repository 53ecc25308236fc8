import numpy as np
import pytest
import tensorflow as tf

from keras_seq.export import ExportError, measure_latency
from keras_seq.export.check import Case, Tolerance, compare, make_case, make_cases
from keras_seq.export.signature import Signature

from .examples import make_classifier

CASE = Case({"x": np.zeros((2, 3))}, {"y": np.array([1.0, 2.0])})


def _giving(**outputs):
    return lambda inputs: {name: np.asarray(value) for name, value in outputs.items()}


def test_the_largest_difference_is_told():
    comparison = compare(_giving(y=[1.0, 2.5]), [CASE, CASE], Tolerance(0.5))
    assert (comparison.difference, comparison.batches, comparison.rows) == (0.5, 2, 4)
    assert comparison.spread == 1.0


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"y": [1.0, 2.1]}, r"'y' differs by 0\.1 .* on inputs \{'x': \(2, 3\)\}"),
        ({"y": [1.0, np.nan]}, "differs by inf"),
        ({"y": [1.0, np.inf]}, "differs by inf"),
        ({"y": [[1.0, 2.0]]}, r"has the shape \(1, 2\)"),
        ({"z": [1.0, 2.0]}, r"no output 'y', only \['z'\]"),
    ],
)
def test_anything_else_is_refused(outputs, words):
    with pytest.raises(ExportError, match=words):
        compare(_giving(**outputs), [CASE], Tolerance(1e-5))


@pytest.mark.parametrize(
    ("found", "allowed"), [([1.0, 2.2], 0.2), ([1.0, 2.0], 0.0), ([0.9, 1.9], 0.2)]
)
def test_a_limit_on_the_mean_is_a_part_of_what_the_output_varies_by(found, allowed):
    comparison = compare(_giving(y=found), [CASE], Tolerance(allowed * 1.001, "mean"))
    assert comparison.mean == pytest.approx(allowed * 0.5)  # 1 and 2 lie 0.5 from their mean
    if allowed:
        with pytest.raises(ExportError, match=r"on average by 0\.1 .* of the 0\.5 that the output"):
            compare(_giving(y=found), [CASE], Tolerance(allowed * 0.999, "mean"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_none_is_refused_however_wide_the_mean(value):
    with pytest.raises(ExportError, match="differs by inf"):
        compare(_giving(y=[1.0, value]), [CASE], Tolerance(1e9, "mean"))


def test_the_mean_is_of_the_output_that_is_farthest_over_all_batches():
    case = Case({"x": np.zeros((2, 3))}, {"y": np.zeros(4), "z": np.zeros(2)})
    given = iter([_giving(y=[1, 0, 0, 0], z=[1, 0]), _giving(y=[0, 0, 0, 0], z=[0, 0.5])])
    found = compare(lambda inputs: next(given)(inputs), [case, case], Tolerance(1.0))
    assert (found.difference, found.mean) == (1.0, 1.5 / 4)


def test_an_export_that_fails_to_run_is_refused():
    def fail(inputs):
        raise RuntimeError("no kernel")

    with pytest.raises(ExportError, match="no kernel"):
        compare(fail, [CASE], Tolerance(1e-5))


def test_shortened_multiplication_is_off_while_comparing():
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    seen = []

    def run(inputs):
        seen.append(enabled())
        return CASE.outputs

    assert enabled()
    compare(run, [make_case(CASE.inputs, run)], Tolerance(0.0))
    assert seen == [False, False]
    assert enabled()


def test_integers_are_compared_without_wrapping():
    case = Case({"x": np.zeros(1)}, {"y": np.array([0], "uint8")})
    with pytest.raises(ExportError, match="differs by 255"):
        compare(_giving(y=np.array([255], "uint8")), [case], Tolerance(1.0))


def test_made_up_ids_are_known_to_the_embedding():
    cases = make_cases(Signature.of(make_classifier()), None)
    assert {case.inputs["ids"].shape for case in cases} == {
        (4, 12),
        (1, 12),
        (3, 12),
        (2, 6),
        (3, 1),
    }
    largest = max(case.inputs["ids"].max() for case in cases)
    assert 1 < largest < 6
    assert (cases[0].inputs["ids"] == 0).any()


def test_latency(classifier):
    path = classifier[1] / "model.tflite"
    latency = measure_latency(path, {"ids": np.ones((1, 8), "int32")}, runs=5)
    assert 0 < latency.median_ms <= latency.p90_ms
    assert latency.shapes == {"ids": (1, 8)}
    with pytest.raises(ValueError, match="at least 1"):
        measure_latency(path, {}, runs=0)


def test_the_tolerance_grows_with_the_values():
    """Around 1,000 the numbers of float32 lie 6e-5 apart: equal values may differ by that."""
    expected = np.array([[1000.0, -3.0]], "float32")
    case = Case({"x": np.zeros((1, 1))}, {"y": expected})
    near = expected + np.array([[0.005, 0]], "float32")
    assert compare(lambda inputs: {"y": near}, [case], Tolerance(1e-5)).difference > 1e-3
    with pytest.raises(ExportError, match="differs"):
        compare(lambda inputs: {"y": expected + 0.02}, [case], Tolerance(1e-5))
