"""Which TFLite runtimes take a file: all of them, or the `Interpreter` API alone.

A file of the profile "portable" gives the same values in LiteRT's `Interpreter` and
`CompiledModel`, in LiteRT.js, and in the older tflite-runtime 2.14 and tfjs-tflite. Any other file
of builtin ops has the profile "interpreter".

What is refused was measured by running small models in each of these (ai-edge-litert 2.3.0 and
LiteRT.js 2.5.3, on CPUs): dynamic ends, 64-bit, boolean and other small types at the ends, an
output that is an input or another output, variable tensors, and new op versions. What runs
everywhere, and so is let through: resource variables (VAR_HANDLE and the like), loops, conditions
and dynamic shapes between static ends. Three limits remain. tfjs-tflite knows no signatures and
runs the first graph alone. Runtimes round int8 arithmetic differently, by a few of its steps.
Accelerators other than the CPU were not measured.
"""

from collections.abc import Iterator

from keras_seq.export.file.contents import Contents, SignatureInfo, TensorInfo
from keras_seq.export.file.op_versions import HIGHEST

PORTABLE, INTERPRETER, CUSTOM = "portable", "interpreter", "custom"
# LiteRT.js takes these; CompiledModel and the Interpreter take more.
_DTYPES = ("FLOAT32", "INT32", "UINT8")


def findings(file: Contents) -> list[str]:
    """Says what keeps a file from running on every TFLite runtime, and how to change it.

    Args:
        file: What `TFLiteFile.read` gave.

    Returns:
        One sentence for each finding; empty if the file is portable.

    Example:
        >>> import keras, tempfile
        >>> from keras_seq.export import to_tflite
        >>> features = keras.Input((None, 3), name="features")
        >>> model = keras.Model(features, keras.layers.Dense(2)(features))
        >>> report = to_tflite(model, tempfile.mkdtemp() + "/model.tflite", batch_size=1)
        >>> print(findings(report.file)[0])
        input features has a dynamic shape (1, -1, 3): export with length=
    """
    found = [
        finding
        for signature, ends in file.ends().items()
        for finding in _of_signature(f" of {signature}" if len(file.ends()) > 1 else "", ends)
    ]
    if file.variable_tensors:
        shown = ", ".join(file.variable_tensors[:3]) + ", …" * (len(file.variable_tensors) > 3)
        found.append(
            f"variable tensors, of which CompiledModel and LiteRT.js take none: {shown}; "
            'export with mode="loop"'
        )
    found += [_of_version(op, version) for op, version in _too_new(file)]
    if file.custom_ops:
        found.append(
            f"no builtins: {', '.join(file.custom_ops)}; an interpreter runs them only with "
            "their kernels: use the layers of keras_seq.layers, and export with to_tflite"
        )
    return found


def profile_of(file: Contents) -> str:
    """Names the profile of a file.

    Args:
        file: What `TFLiteFile.read` gave.

    Returns:
        "portable", "interpreter", or, for a file with ops that are no builtins and that no
        interpreter runs by itself, "custom".

    Example:
        >>> import keras, tempfile
        >>> from keras_seq.export import to_tflite
        >>> features = keras.Input((None, 3), name="features")
        >>> model = keras.Model(features, keras.layers.Dense(2)(features))
        >>> path = tempfile.mkdtemp() + "/model.tflite"
        >>> profile_of(to_tflite(model, path, batch_size=1, length=5).file)
        'portable'
    """
    if file.custom_ops:
        return CUSTOM
    return INTERPRETER if findings(file) else PORTABLE


def _of_signature(where: str, ends: SignatureInfo) -> Iterator[str]:
    shapes = [tensor.shape for tensor in ends.inputs.values()]
    # Where every input is fixed, the values decide on an output's size, and no argument helps.
    options = ["batch_size="] * any(-1 in shape[:1] for shape in shapes)
    options += ["length="] * any(-1 in shape[1:] for shape in shapes)
    cure = f"export with {' and '.join(options)}" if options else "pad it, with a mask beside it"
    for role, tensors in (("input", ends.inputs), ("output", ends.outputs)):
        for name, tensor in tensors.items():
            if -1 in tensor.shape:
                yield f"{role} {name}{where} has a dynamic shape {tensor.shape}: {cure}"
            yield from _of_dtype(f"{role} {name}{where}", tensor)
    yield from _of_shared_tensors(where, ends)


def _of_dtype(role: str, tensor: TensorInfo) -> Iterator[str]:
    dtype = tensor.dtype.lower()
    if dtype in ("int64", "uint64"):
        yield f"{role} is {dtype}, which browsers and CompiledModel refuse: make it int32"
    elif tensor.dtype not in _DTYPES:
        yield f"{role} is {dtype}, which LiteRT.js refuses: make it float32, int32 or uint8"


def _of_shared_tensors(where: str, ends: SignatureInfo) -> Iterator[str]:
    """CompiledModel and LiteRT.js give wrong values here, and no error."""
    names = {tensor.name: name for name, tensor in ends.inputs.items()}
    for name, tensor in ends.outputs.items():
        if other := names.get(tensor.name):
            yield (
                f"output {name}{where} is the same tensor as {other}, and CompiledModel and "
                "LiteRT.js then lose or spoil values: leave one out, or compute it anew"
            )
        names[tensor.name] = name


def _too_new(file: Contents) -> Iterator[tuple[str, int]]:
    return ((op, v) for op, v in file.op_versions.items() if v > HIGHEST.get(op, 0))


def _of_version(op: str, version: int) -> str:
    if op not in HIGHEST:
        return f"op {op} is unknown to tflite-runtime 2.14 and tfjs-tflite: compute it otherwise"
    cure = "compute it otherwise"
    if op == "FULLY_CONNECTED":  # version 12: weights in int8 with a scale for each row
        cure = 'quantize under profile="portable", which keeps one scale for each weight'
    return (
        f"op {op} has version {version}; tflite-runtime 2.14 and tfjs-tflite know it up to "
        f"{HIGHEST[op]}: {cure}"
    )
