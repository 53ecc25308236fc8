"""How the numbers of a .tflite may be rounded, and the data that whole numbers are fitted to.

| quantize | weights | arithmetic | needs |
|---|---|---|---|
| None | float32 | float32 | |
| "float16" | float16 | float32 | |
| "dynamic" | int8 | products in int8, fitted at run time; the rest float32 | |
| "int8" | int8 | int8 where TFLite has it, inputs and outputs float32 | representative data |

The fused ops have int8 weights and float32 states under "dynamic" and "int8" alike.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_seq.export.check import Arrays, Tolerance
from keras_seq.export.errors import ExportError
from keras_seq.export.file.rewriting import Rewriting
from keras_seq.export.signature import Signature
from keras_seq.export.sizes import fit
from keras_seq.layers.loops import BLOCK, LARGE_BLOCK

QUANTIZATIONS = (None, "float16", "dynamic", "int8")
# Wide: what a model can bear is measured on its task.
_TOLERANCES = {
    None: Tolerance(1e-5),
    "float16": Tolerance(0.01, "mean"),
    "dynamic": Tolerance(0.1, "mean"),
    "int8": Tolerance(0.5, "mean"),
}
_ROWS = 256
_NO_SCALE, _SCALE = 1e-7, 1 / 128
# An exported loop reads blocks of steps, then the steps that are left: of data for its scales there
# are two blocks at least, for the first begins with zeros, and as many steps left as can be.
_BLOCKS, _LEFT = 2 * LARGE_BLOCK, BLOCK - 1


def tolerance_of(quantize: str | None, value: float | None) -> Tolerance:
    """How far a file of this quantisation may be from the model.

    Args:
        quantize: One of `QUANTIZATIONS`.
        value: The caller's limit; None for the default.
    """
    default = _TOLERANCES[quantize]
    return default if value is None else Tolerance(value, default.of)


def representative_rows(
    signature: Signature, fixed: Signature, data: Iterable[Any] | None
) -> list[Arrays]:
    """Takes the first rows of the caller's data, in batches of the size and length of the file.

    Args:
        signature: The model.
        fixed: The model with the sizes that the file fixes; inputs are cut or repeated to them.
        data: A `tf.data.Dataset` or another iterable of batches as the model takes them. Of a
            tuple, such as (inputs, labels), the first is taken.

    Raises:
        ExportError: There is none, or it does not fit the model.
    """
    if data is None:
        raise ExportError(
            'quantize="int8" fits its whole numbers to data: give `representative_data`, a '
            "tf.data.Dataset of inputs as the model takes them; a hundred rows are enough."
        )
    if isinstance(data, np.ndarray | Mapping | str) or not isinstance(data, Iterable):
        raise ExportError(
            "representative_data must be a tf.data.Dataset or another iterable of batches; got "
            f"{type(data).__name__}. Put one batch in a list: [batch]."
        )
    batches: list[Arrays] = []
    rows = 0
    for example in itertools.islice(data, _ROWS):
        inputs = example[0] if isinstance(example, tuple) else example
        arrays = signature.arrays(_as_numpy(inputs), "representative_data")
        for sizes in _lengths(signature, fixed, arrays):
            batches += fit(arrays, sizes, repeat=sizes is not fixed)
        rows += next(iter(arrays.values())).shape[0]
        if rows >= _ROWS:
            break
    if not batches:
        raise ExportError(
            "representative_data holds no batch. A generator that was read before is empty: give "
            "a tf.data.Dataset or a list."
        )
    return batches


def _lengths(signature: Signature, fixed: Signature, arrays: Arrays) -> list[Signature]:
    """The sizes of the file; where it leaves the length open, two lengths that suit its loops.

    The end of a padded batch is nearly all padding: the shorter is cut where there is more.
    """
    if not any(None in spec.shape[1:2] for spec in fixed.inputs.values()):
        return [fixed]
    batch = next(iter(fixed.inputs.values())).shape[0]
    timed = [n for n, s in signature.inputs.items() if s.shape.rank > 1 and s.shape[1] is None]
    short = _BLOCKS + _LEFT
    long = max((short, *(arrays[name].shape[1] for name in timed)))
    return [fixed.fixed(batch, n) for n in {short, long + (_LEFT - long) % BLOCK}]


def _as_numpy(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {name: np.asarray(value) for name, value in inputs.items()}
    several = isinstance(inputs, list | tuple)
    return [np.asarray(v) for v in inputs] if several else np.asarray(inputs)


def with_sound_scales(content: bytes) -> bytes:
    """Gives every int8 tensor that was always zero in the data a scale that runtimes can work with.

    The converter takes the smallest there is, and XNNPACK refuses to run what comes from it.

    Args:
        content: The bytes of a .tflite file without attached files.
    """
    rewriting = Rewriting(content)
    for tensor in (tensor for graph in rewriting.model.subgraphs for tensor in graph.tensors):
        scales = getattr(tensor.quantization, "scale", None)
        if scales is not None and len(scales) == 1 and 0 < scales[0] < _NO_SCALE:
            tensor.quantization.scale = [_SCALE]
    return rewriting.packed()
