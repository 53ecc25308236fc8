"""The value check: an export must give the numbers that the Keras model gives."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.export.errors import ExportError
from keras_seq.export.signature import Arrays, Signature
from keras_seq.export.sizes import fit, made_up, other_sizes

Runner = Callable[[Arrays], Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """Inputs, and the outputs that the Keras model gives for them."""

    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class Tolerance:
    """How far from the Keras model's values an export's may be.

    Attributes:
        value: The limit.
        of: Which difference is limited. "largest": the largest of a batch, times its largest output
            where that is above 1; ids and texts must be equal. "mean": the mean of all batches, as
            a part of what the outputs themselves differ from their mean. Rounded weights move a few
            values far, so that for quantised files the mean says more. "nothing": it is measured
            and not limited, for what a small difference can turn into something else altogether.
    """

    value: float
    of: str = "largest"


@dataclass(frozen=True)
class Comparison:
    """What was compared, and how far apart the values were.

    Attributes:
        difference: The largest absolute difference of any output.
        mean: The mean absolute difference, of the output where it is largest.
        tolerance: The limit, and which difference it is a limit of.
        spread: How far the Keras model's own values lie apart, for the output where they vary
            most. Where it is near the tolerance, the comparison says little.
        batches: How many batches were compared.
        rows: How many rows they held in all.
        shapes: The input shapes of each batch.
        equal: The share of equal ones among ids and texts, without the padding that both have; None
            if there are none. The other figures are those of numbers that are not whole.
    """

    difference: float
    mean: float
    tolerance: Tolerance
    spread: float
    batches: int
    rows: int
    shapes: list[dict[str, tuple[int, ...]]] = field(default_factory=list)
    equal: float | None = None


def make_cases(
    signature: Signature, check_inputs: Sequence[Any] | None, fixed: Signature | None = None
) -> list[Case]:
    """Runs the Keras model on the caller's inputs and on other sizes cut from the first of them.

    Args:
        signature: The model.
        check_inputs: Arrays, lists or dicts as the model takes them; made up if None.
        fixed: The model with the batch and length that the export fixes; inputs are cut or
            repeated to them.

    Raises:
        ExportError: The inputs do not fit the model, or it gives NaN or infinity for them.
    """
    fixed = fixed or signature
    if check_inputs is None:
        check_inputs = [made_up(signature)]
    elif isinstance(check_inputs, np.ndarray | Mapping) or not len(check_inputs):
        raise ExportError(
            "check_inputs must be a list of inputs, each an array, a list of arrays or a dict; "
            f"got {type(check_inputs).__name__}. Put it in a list: check_inputs=[...]."
        )
    given = [arrays for example in check_inputs for arrays in fit(signature.arrays(example), fixed)]
    run = signature.traced()
    cases = [make_case(arrays, run) for arrays in given]
    for arrays in other_sizes(fixed, given[0]):
        try:
            cases.append(make_case(arrays, run))
        except (ValueError, tf.errors.InvalidArgumentError):
            continue  # the model itself takes no such size, so its export need not either
    return cases


def compare(
    run: Runner, cases: Sequence[Case], tolerance: Tolerance, subject: str = "The export"
) -> Comparison:
    """Runs an export on every case and compares all outputs with Keras' own.

    Args:
        run: The export, from arrays by input name to arrays by output name.
        cases: Inputs and expected outputs.
        tolerance: How far apart values may be.
        subject: What the export is called in an error.

    Returns:
        The differences and what was compared.

    Raises:
        ExportError: An output is missing, has another shape, is not finite, or differs by more
            than `tolerance`; or the export fails to run.
    """
    worst = 0.0
    gaps: dict[str, list[np.ndarray]] = defaultdict(list)
    equal: list[np.ndarray] = []
    for case in cases:
        shapes = {name: array.shape for name, array in case.inputs.items()}
        try:
            with _full_precision():
                outputs = run(case.inputs)
        except Exception as error:
            raise ExportError(
                f"{subject} is refused: it fails on inputs {shapes}: {error}"
            ) from error
        for name, expected in case.outputs.items():
            if name not in outputs:
                raise ExportError(
                    f"{subject} is refused: it has no output {name!r}, only {sorted(outputs)}."
                )
            actual = np.asarray(outputs[name])
            if actual.shape != expected.shape:
                raise ExportError(
                    f"{subject} is refused: its output {name!r} has the shape {actual.shape} on "
                    f"inputs {shapes}; the Keras model's has {expected.shape}."
                )
            if expected.dtype.kind != "f":
                equal.append(_equal(actual, expected))
                if tolerance.of == "largest" and not equal[-1].all():
                    number = expected.dtype.kind in "iub"
                    by = f" by {_gaps(actual, expected).max():.3g}" if number else ""
                    raise ExportError(
                        f"{subject} is refused: its output {name!r} differs{by} from the Keras "
                        f"model's on inputs {shapes}: {equal[-1].mean():.1%} is equal, and of ids "
                        "and texts all has to be."
                    )
                continue
            gap = _gaps(actual, expected)
            largest = float(gap.max(initial=0))
            # Beyond 1 the digits of float32 lie further apart, and so may the values.
            size = max(1.0, float(np.abs(expected.astype("float64")).max(initial=0)))
            allowed = tolerance.value * size if tolerance.of == "largest" else np.finfo(float).max
            if not largest <= allowed:
                raise ExportError(
                    f"{subject} is refused: its output {name!r} differs by {largest:.3g} from the "
                    f"Keras model on inputs {shapes}; the tolerance is {allowed:.3g}."
                )
            worst = max(worst, largest)
            gaps[name].append(gap.ravel())
    means = {name: float(np.concatenate(parts).mean()) for name, parts in gaps.items()}
    if tolerance.of == "mean":
        _check_means(means, cases, tolerance, subject)
    return Comparison(
        difference=worst,
        mean=max(means.values(), default=0.0),
        tolerance=tolerance,
        spread=_spread(cases),
        batches=len(cases),
        rows=sum(_rows(case.inputs) for case in cases),
        shapes=[{n: tuple(a.shape) for n, a in case.inputs.items()} for case in cases],
        equal=_share(equal),
    )


def make_case(inputs: Arrays, run: Callable[[Arrays], Mapping[str, Any]]) -> Case:
    """Runs the Keras model.

    Args:
        inputs: Arrays by name.
        run: From these to the model's outputs by name.

    Raises:
        ExportError: An output is NaN or infinite.
    """
    with _full_precision():
        outputs = run(inputs)
    arrays = {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ExportError(
                f"The Keras model itself gives NaN or infinity in its output {name!r}, so no "
                "export of it can be checked. Check its weights and the check inputs."
            )
    return Case(inputs, arrays)


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    """Recent GPUs multiply float32 with 10 bits of mantissa by default, too few to compare."""
    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(enabled)


def _equal(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Whether ids or texts are equal, of all but the zeros that both end with."""
    equal = actual == expected
    if expected.dtype.kind not in "iu":
        return np.ravel(equal)
    return equal[(actual != 0) | (expected != 0)]


def _share(parts: Sequence[np.ndarray]) -> float | None:
    found = np.concatenate([np.zeros(0, bool), *parts])
    return float(found.mean()) if found.size else None


def _gaps(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The absolute differences; infinite where a value is not finite."""
    gaps = np.abs(actual.astype("float64") - expected.astype("float64"))
    return np.where(np.isfinite(gaps), gaps, np.inf)


def _check_means(
    means: Mapping[str, float], cases: Sequence[Case], tolerance: Tolerance, subject: str
) -> None:
    for name, mean in means.items():
        values = np.concatenate([c.outputs[name].astype("float64").ravel() for c in cases])
        # Of an output that hardly varies, some of its size.
        varies = max(np.abs(values - values.mean()).mean(), 0.05 * np.abs(values).max(initial=0))
        if not mean <= tolerance.value * varies:
            raise ExportError(
                f"{subject} is refused: its output {name!r} differs on average by {mean:.3g} from "
                f"the Keras model; the tolerance is {tolerance.value:g} of the {varies:.3g} that "
                "the output itself varies by. Round less, or give a wider `tolerance`."
            )


def _spread(cases: Sequence[Case]) -> float:
    """The range of an output's values over all cases, for the output where it is widest."""
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    for case in cases:
        for name, array in case.outputs.items():
            if array.dtype.kind != "f":
                continue
            values = array.astype("float64")
            lows[name] = values.min(initial=lows.get(name, np.inf))
            highs[name] = values.max(initial=highs.get(name, -np.inf))
    return max((float(highs[name] - lows[name]) for name in lows), default=0.0)


def _rows(arrays: Arrays) -> int:
    return max((array.shape[0] for array in arrays.values() if array.ndim), default=1)
