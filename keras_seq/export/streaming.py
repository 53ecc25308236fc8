"""A causal model as a function of one chunk of its sequence and of its states before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.export.borrowed import on_our_loop
from keras_seq.export.check import Case, Comparison, Runner, Tolerance, compare, make_case
from keras_seq.export.errors import ExportError
from keras_seq.export.signature import Signature, all_layers
from keras_seq.export.sizes import fit
from keras_seq.export.tracing import tracing
from keras_seq.layers import lowering
from keras_seq.layers.carried import CarriedStates, carrying

STREAMING = (None, "step", "stateful")
STEP, STREAM, RESET = "step", "stream", "reset"
_SEQUENCES, _CHUNK = 16, 4  # of the data that whole numbers are fitted to


@dataclass(frozen=True)
class Stream:
    """A model that reads its sequence chunk by chunk.

    Attributes:
        signature: The model, its batch size and the length of a chunk fixed or open.
        states: The width of each state, by name: that of its layer and its own.
        timed: The inputs that come in chunks.
        timed_outputs: The outputs that go in chunks too; of others the last is that of the whole.
        memory: The variables of `stream`, which its function alone does not keep alive.
    """

    signature: Signature
    states: dict[str, int]
    timed: tuple[str, ...]
    timed_outputs: tuple[str, ...]
    memory: list[tf.Variable] = field(default_factory=list)

    @classmethod
    def of(cls, signature: Signature, batch_size: int | None, chunk: int | None) -> "Stream":
        """Finds the states of a model.

        Args:
            signature: The model.
            batch_size: The batch that a step takes; None for any.
            chunk: The length of a chunk; None for any.

        Raises:
            ExportError: It has no recurrent layer, one that reads from the end, or a fixed length.
        """
        timed = [n for n, s in signature.inputs.items() if s.shape.rank > 1 and s.shape[1] is None]
        if not timed:
            raise ExportError(
                "streaming needs an input of open length, such as keras.Input((None, features)); "
                f"the model takes { {n: tuple(s.shape) for n, s in signature.inputs.items()} }."
            )
        backwards = [
            layer.name
            for layer in all_layers(signature.model)
            if getattr(layer, "go_backwards", False) is True
        ]
        if backwards:
            raise ExportError(
                f"The layers {', '.join(backwards)} read their sequence from the end, so that the "
                "model cannot be streamed. Leave `streaming` out, or train a model of forward "
                "layers."
            )
        with (
            tracing(signature.model.name),
            on_our_loop(signature.model),
            lowering("plain"),
            carrying(CarriedStates()) as carried,
        ):
            outputs = _trace(signature.inputs, signature).structured_outputs
        if not carried.initial:
            raise ExportError(
                "streaming needs recurrent layers, whose states go from chunk to chunk; the model "
                f"{signature.model.name!r} has none. Leave `streaming` out."
            )
        widths = {name: int(state.shape[-1]) for name, state in carried.initial.items()}
        if clashing := sorted(set(widths) & {*signature.inputs, *outputs}):
            raise ExportError(f"Inputs or outputs have the names of states: {clashing}. Rename.")
        timed_outputs = [n for n, o in outputs.items() if o.shape[1:2] == [None]]
        fixed = signature.fixed(batch_size, chunk)
        return cls(fixed, widths, tuple(timed), tuple(timed_outputs))

    @property
    def inputs(self) -> dict[str, tf.TensorSpec]:
        """What a step takes: the model's inputs, then the states."""
        batch = next(iter(self.signature.inputs.values())).shape[0]
        specs = {n: tf.TensorSpec((batch, w), tf.float32, n) for n, w in self.states.items()}
        return self.signature.inputs | specs

    def __call__(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """The model's outputs for a chunk, and the states after it, by their names."""
        given = {name: tensors[name] for name in self.states}
        with carrying(CarriedStates(given)) as carried:
            outputs = self.signature({name: tensors[name] for name in self.signature.inputs})
        return {**outputs, **carried.final}

    def functions(self, streaming: str | None) -> dict[str, Any]:
        """The concrete functions of the signatures, by name; to be called in `on_our_loop`.

        Args:
            streaming: "step" for `step` alone, "stateful" for `stream` and `reset` as well.

        Raises:
            ExportError: The batch size is not fixed, and `stream` is wanted.
        """
        step = {STEP: _trace(self.inputs, self)}
        return step if streaming == "step" else step | self._with_memory()

    def _with_memory(self) -> dict[str, Any]:
        """`stream` and `reset`, which keep the states in variables."""
        specs = self.inputs
        if any(spec.shape[0] is None for spec in specs.values()):
            raise ExportError('streaming="stateful" keeps states: give a `batch_size`, such as 1.')
        # A variable of its own for each state, zeros like the states of a new sequence.
        memory = {n: tf.Variable(tf.zeros(specs[n].shape), trainable=False) for n in self.states}
        self.memory.extend(memory.values())

        def stream(tensors):
            outputs = self({**tensors, **{name: v.read_value() for name, v in memory.items()}})
            for name, variable in memory.items():
                variable.assign(outputs.pop(name))
            return outputs

        def reset(_):
            for variable in memory.values():
                variable.assign(tf.zeros(variable.shape))
            return {"done": tf.constant(1)}

        return {STREAM: _trace(self.signature.inputs, stream), RESET: _trace({}, reset)}

    def representative(
        self, batches: Sequence[Mapping[str, np.ndarray]], streaming: str
    ) -> dict[str, list[dict[str, np.ndarray]]]:
        """What comes into each signature while the model reads whole sequences.

        Args:
            batches: The sequences.
            streaming: As for `functions`.
        """
        seen: list[dict[str, np.ndarray]] = []

        def run(inputs):
            seen.append(dict(inputs))
            return step(*(tf.constant(inputs[name]) for name in self.inputs))

        size = next(s.shape[1] for n, s in self.signature.inputs.items() if n in self.timed)
        with on_our_loop(self.signature.model), lowering("plain"):
            step = _trace(self.inputs, self)  # a graph: eager steps are slow
            for batch in batches[:_SEQUENCES]:
                steps = batch[self.timed[0]].shape[1]
                whole = steps - steps % (size or 1)
                cut = {n: a[:, :whole] if n in self.timed else a for n, a in batch.items()}
                InChunks(run, self, (size or _CHUNK,))(cut)
        inputs = [{n: chunk[n] for n in self.signature.inputs} for chunk in seen]
        return {STEP: seen} | ({STREAM: inputs} if streaming == "stateful" else {})


def check_streaming(streaming: str | None) -> bool:
    """Whether a file is to have signatures for streaming.

    Raises:
        ExportError: Unknown word.
    """
    if streaming not in STREAMING:
        raise ExportError(f'streaming must be None, "step" or "stateful"; got {streaming!r}.')
    return streaming is not None


class InChunks:
    """Runs `step` or `stream` over whole sequences, chunk by chunk.

    Args:
        run: From a chunk's inputs, by name, to its outputs; for `step` with the states in both.
        stream: What it is a step of.
        sizes: Lengths of the chunks; the last is repeated until the sequence ends.
        reset: For `stream`: what sets its states to zero.
    """

    def __init__(self, run: Any, stream: Stream, sizes: tuple[int, ...], reset: Any = None):
        self.run, self.stream, self.sizes, self.reset = run, stream, sizes, reset

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of the whole: of each step where the model gives each, else the last."""
        timed = self.stream.timed
        batch, steps = inputs[timed[0]].shape[:2]
        states = {}
        if self.reset:
            self.reset()
        else:
            states = {n: np.zeros((batch, w), "float32") for n, w in self.stream.states.items()}
        parts: list[dict[str, np.ndarray]] = []
        start = 0
        while start < steps:
            size = min(self.sizes[min(len(parts), len(self.sizes) - 1)], steps - start)
            chunk = {n: a[:, start : start + size] if n in timed else a for n, a in inputs.items()}
            found = {n: np.array(value) for n, value in self.run({**chunk, **states}).items()}
            states = {name: found.pop(name) for name in states}
            parts.append(found)
            start += size
        timed = self.stream.timed_outputs
        return {
            name: np.concatenate([part[name] for part in parts], axis=1)
            if name in timed
            else parts[-1][name]
            for name in parts[0]
        }


def compare_in_chunks(
    runner: Callable[[str], Runner],
    stream: Stream,
    case: Case,
    tolerance: Tolerance,
    streaming: str | None,
) -> dict[str, Comparison]:
    """Compares what the signatures give chunk by chunk with what the model gives for the whole.

    Args:
        runner: From the name of a signature to what runs it.
        stream: What was exported.
        case: Inputs of whole sequences.
        tolerance: How far apart values may be.
        streaming: As for `Stream.functions`.

    Returns:
        By signature, the differences and what was compared.

    Raises:
        ExportError: They are not equal; the model may not be causal.
    """
    size = next(s.shape[1] for n, s in stream.signature.inputs.items() if n in stream.timed)
    cases = _of_whole_chunks(stream, case, size)
    found = {}
    try:
        for sizes in [(size,)] if size else [(1,), (2, 1, 3)]:
            step = InChunks(runner(STEP), stream, sizes)
            found[STEP] = compare(step, cases, tolerance, "The signature `step`")
            if streaming == "stateful":
                kept = InChunks(runner(STREAM), stream, sizes, lambda: runner(RESET)({}))
                # Twice, so that a reset that resets nothing is seen.
                found[STREAM] = compare(kept, cases * 2, tolerance, "The signature `stream`")
    except ExportError as error:
        raise ExportError(
            f"{error} Only a causal model can be streamed: one whose output at a step does not "
            "depend on later steps, as pooling over time and attention do."
        ) from error
    return found


def _of_whole_chunks(stream: Stream, case: Case, size: int | None) -> list[Case]:
    """The case at a length that chunks of one size fill."""
    signature, size = stream.signature, size or 1
    steps = case.inputs[stream.timed[0]].shape[1]
    length = max(size, steps - steps % size)
    shapes = {
        name: [spec.shape[0], length if name in stream.timed else spec.shape[1], *spec.shape[2:]]
        for name, spec in signature.inputs.items()
    }
    specs = {n: tf.TensorSpec(shape, signature.inputs[n].dtype, n) for n, shape in shapes.items()}
    whole = replace(signature, inputs=specs)
    return [make_case(arrays, signature) for arrays in fit(case.inputs, whole)]


def _trace(specs: Mapping[str, tf.TensorSpec], function: Any) -> Any:
    def named(*tensors):
        outputs = function(dict(zip(specs, tensors, strict=True)))
        # An output that is the same tensor as another would lose its name.
        return {name: tf.identity(value) for name, value in outputs.items()}

    signature = list(specs.values())
    return tf.function(named, input_signature=signature, autograph=False).get_concrete_function()
