"""What goes into a model and comes out of it, by name."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from keras_seq.export.errors import ExportError
from keras_seq.layers import lowering

Tensors = dict[str, Any]
Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Signature:
    """A model as a function from named tensors to named tensors.

    Attributes:
        model: The Keras model.
        inputs: The specification of each input by name, in the model's order.
        structure: What the model is called with: a dict, a list, or anything else for one tensor.
        output_name: The name of a single output, if the caller chose one.
    """

    model: Any
    inputs: dict[str, tf.TensorSpec]
    structure: Any = None
    output_name: str | None = None

    @classmethod
    def of(
        cls, model: Any, output_name: str | None = None, examples: Sequence[Any] | None = None
    ) -> "Signature":
        """Reads the signature of a Keras model.

        Functional and Sequential models know their inputs. For any other model they are read off
        the first example: ids of rank 2 get a dynamic batch and length, other arrays of rank 2
        a dynamic batch, arrays of higher rank a dynamic batch and length.

        Args:
            model: A built Keras model.
            output_name: The name to give to a single output.
            examples: Inputs as the model takes them: arrays, lists of arrays, or dicts.

        Raises:
            ExportError: `model` is no Keras model on TensorFlow, has stateful layers, or its
                inputs are unknown.
        """
        check_exportable(model)
        tensors = _declared_inputs(model)
        if tensors is not None:
            # A model built by `fit` has the batch of its first call in its shapes; none means it.
            inputs = {n: _spec(n, (None, *t.shape[1:]), t.dtype) for n, t in tensors.items()}
            structure = _input_structure(model)
        elif examples:
            arrays = named_arrays(examples[0])
            inputs = {n: _spec(n, _dynamic_shape(a), a.dtype) for n, a in arrays.items()}
            structure = examples[0]
        else:
            raise ExportError(
                f"The inputs of the model {model.name!r} ({type(model).__name__}) are unknown: it "
                "is neither functional nor sequential. Give `check_inputs`, from which they can "
                "be read, or wrap it: `keras.Model(inputs, model(inputs))`."
            )
        return cls(model, inputs, structure, output_name)

    def __call__(self, tensors: Mapping[str, Any]) -> Tensors:
        """Runs the model for inference."""
        values: Any = [tensors[name] for name in self.inputs]
        if isinstance(self.structure, dict):
            values = dict(zip(self.structure, values, strict=True))
        elif not isinstance(self.structure, list | tuple):
            values = values[0]
        return self._named(self.model(values, training=False))

    def function(self) -> Any:
        """Traces the model as a concrete function with named inputs and outputs."""

        def serve(*tensors):
            outputs = self(dict(zip(self.inputs, tensors, strict=True)))
            # An output that is the same tensor as another would lose its name.
            return {name: tf.identity(value, name) for name, value in outputs.items()}

        specs = list(self.inputs.values())
        return tf.function(serve, input_signature=specs, autograph=False).get_concrete_function()

    def traced(self) -> Any:
        """The model as a graph: outside of one, Python runs each step of a sequence."""

        @functools.partial(tf.function, autograph=False, input_signature=[self.inputs])
        @functools.partial  # without code of its own, by which TensorFlow would count all as one
        def run(tensors):
            with lowering("plain"):
                return self(tensors)

        return run

    def fixed(self, batch_size: int | None = None, length: int | None = None) -> Self:
        """Fixes the batch and the length of every input that leaves them open.

        Raises:
            ExportError: `batch_size` or `length` is not a positive number.
        """
        for name, value in (("batch_size", batch_size), ("length", length)):
            if value is not None and (type(value) is not int or value < 1):
                raise ExportError(f"{name} must be None (dynamic) or at least 1, got {value!r}.")
        sizes = (batch_size, length)
        inputs = {}
        for name, spec in self.inputs.items():
            shape = list(spec.shape)
            for axis, size in enumerate(sizes[: len(shape)]):
                shape[axis] = size if shape[axis] is None else shape[axis]
            inputs[name] = tf.TensorSpec(shape, spec.dtype, name)
        return dataclasses.replace(self, inputs=inputs)

    def arrays(self, example: Any, origin: str = "check_inputs") -> dict[str, np.ndarray]:
        """Brings an example into the names and dtypes of the inputs.

        Args:
            example: Arrays as the model takes them.
            origin: What the caller knows it as.

        Raises:
            ExportError: The names or shapes do not fit the inputs.
        """
        arrays = named_arrays(example, tuple(self.inputs))
        if set(arrays) != set(self.inputs):
            raise ExportError(
                f"The model takes the inputs {sorted(self.inputs)}; {origin} gave {sorted(arrays)}."
            )
        for name, spec in self.inputs.items():
            if not spec.shape.is_compatible_with(arrays[name].shape) or not arrays[name].size:
                raise ExportError(
                    f"The input {name!r} takes the shape {tuple(spec.shape)}, each size at least "
                    f"1; {origin} gave {arrays[name].shape}."
                )
        return {n: arrays[n].astype(s.dtype.as_numpy_dtype) for n, s in self.inputs.items()}

    def _named(self, outputs: Any) -> Tensors:
        declared = list(getattr(self.model, "output_names", None) or [])
        if isinstance(self.model, keras.Sequential):
            declared = [self.model.layers[-1].name]
        if isinstance(outputs, dict):
            names, values = list(outputs), list(outputs.values())
        elif isinstance(outputs, list | tuple):
            names, values = declared, list(outputs)
        else:
            names, values = declared[:1] or ["output"], [outputs]
        if len(set(names)) != len(values):
            names = [f"output_{i}" for i in range(len(values))]
        if self.output_name is not None:
            if len(values) != 1:
                raise ExportError(
                    f"output_name={self.output_name!r} names one output; the model has "
                    f"{len(values)}: {names}. Leave it out, or let the model return a dict."
                )
            names = [self.output_name]
        if not all(hasattr(value, "shape") for value in values):
            raise ExportError(
                "The model's outputs are nested; expected a tensor, or a list or dict of tensors."
            )
        return dict(zip(names, values, strict=True))


def check_exportable(model: Any) -> None:
    """Refuses what no export can take.

    Raises:
        ExportError: `model` is no Keras model on TensorFlow, or has stateful layers.
    """
    if not isinstance(model, keras.Model):
        raise ExportError(f"Expected a keras.Model, got {type(model).__name__}.")
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"Export needs Keras' TensorFlow backend; it runs on {keras.backend.backend()}. "
            "Set KERAS_BACKEND=tensorflow and load the model there."
        )
    if stateful := [layer.name for layer in all_layers(model) if _is_stateful(layer)]:
        raise ExportError(
            f"The layers {', '.join(stateful)} are stateful: what they give depends on what "
            "ran before. Build them with stateful=False; `streaming` gives the file a "
            "signature that takes the states and returns them."
        )


def named_arrays(example: Any, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Gives the arrays of an example by name: the keys of a dict, else `names` in order."""
    if isinstance(example, Mapping):
        return {str(name): np.asarray(value) for name, value in example.items()}
    values = list(example) if isinstance(example, list | tuple) else [example]
    if len(names) != len(values):
        names = ["inputs"] if len(values) == 1 else [f"inputs_{i}" for i in range(len(values))]
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def _is_stateful(layer: Any) -> bool:
    return getattr(layer, "stateful", False) is True


def _input_structure(model: Any) -> Any:
    # A sequential model takes one tensor, and knows no `input` before it is first called.
    return None if isinstance(model, keras.Sequential) else model.input


def _declared_inputs(model: Any) -> dict[str, Any] | None:
    tensors = getattr(model, "inputs", None)
    if not tensors:
        return None
    structure = _input_structure(model)
    if isinstance(structure, dict):
        return dict(structure)
    names = [tensor.name for tensor in tensors]
    # Keras numbers the inputs that nobody named; such a name changes from run to run.
    if any(name.startswith("keras_tensor") for name in names) or len(set(names)) < len(names):
        names = ["inputs"] if len(names) == 1 else [f"inputs_{i}" for i in range(len(names))]
    return dict(zip(names, tensors, strict=True))


def _spec(name: str, shape: Sequence[int | None], dtype: Any) -> tf.TensorSpec:
    # Not every TFLite runtime takes 64-bit inputs, and no vocabulary needs them.
    narrow = {"int64": "int32", "float64": "float32"}
    dtype = tf.as_dtype(dtype).name
    return tf.TensorSpec(shape, narrow.get(dtype, dtype), name)


def _dynamic_shape(array: np.ndarray) -> tuple[int | None, ...]:
    sequence = array.ndim > 2 or (array.ndim == 2 and array.dtype.kind in "iub")
    return (None, *((None,) if sequence else ()), *array.shape[2 if sequence else 1 :])


def all_layers(model: Any) -> list[Any]:
    """The layers of a model, those within them too: of models, of wrappers, cells."""
    return list(model._flatten_layers(include_self=False))
