"""A sequence-to-sequence model step by step, for searches outside of the file.

`encode` reads the source and gives all that the steps read; `decode_step` takes that and a token,
and gives logits and the new states by the names that it took them by.
"""

import dataclasses
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.export.check import Case, Runner, make_case
from keras_seq.export.searching.functions import SOURCE, SearchFunction
from keras_seq.export.signature import Arrays, Signature, Tensors
from keras_seq.layers import lowering

ENCODE, DECODE_STEP = "encode", "decode_step"
TOKEN, TOKENS, LOGITS, ATTENTION = "token", "tokens", "logits", "attention"
_STEPS = 6  # that the value check follows


@dataclass(frozen=True, kw_only=True)
class Encode(Signature):
    """From the source to what the steps read.

    Attributes:
        max_length: The largest number of steps to come.
        kept: The names of what is given.
    """

    max_length: int
    kept: frozenset[str] = frozenset()

    def parts(self, source: Any) -> tuple[Any, Any]:
        """The memory and the first state, nested as the decoder has them."""
        decoder = self.model.decoder
        memory = decoder.prepare(self.model.encoder(source))
        return memory, decoder.initial_state(memory, self.max_length)

    def __call__(self, tensors: Mapping[str, Any]) -> Tensors:
        """What is kept of memory and first state, by name."""
        memory, state = self.parts(tensors[SOURCE])
        return _kept(memory, "memory", self.kept) | _kept(state, "state", self.kept)


@dataclass(frozen=True, kw_only=True)
class DecodeStep(Signature):
    """One step of the decoder.

    Attributes:
        memory: The decoder's memory: for each tensor the name it comes by and its specification.
        state: The same of its state.
    """

    memory: Any
    state: Any

    def __call__(self, tensors: Mapping[str, Any]) -> Tensors:
        """The logits, the new states by their names and, if there is one, the attention."""

        def given(_, end):
            return end.tensor(tensors)

        memory, state = (named(x, given, "") for x in (self.memory, self.state))
        logits, state = self.model.decoder.step(tensors[TOKEN], state, memory)
        found = {LOGITS: logits, **_kept(state, "state", self.inputs)}
        if isinstance(state, Mapping) and ATTENTION in state:
            found[ATTENTION] = state[ATTENTION]
        return found


@dataclass(frozen=True, kw_only=True)
class Along(Signature):
    """Some steps along known tokens, as the Keras model makes them."""

    encode: Encode

    def __call__(self, tensors: Mapping[str, Any]) -> Tensors:
        """The logits (B, T, V), and the attention (B, T, S)."""
        memory, state = self.encode.parts(tensors[SOURCE])
        logits, attention = [], []
        for token in tf.unstack(tensors[TOKENS], axis=1):
            found, state = self.model.decoder.step(token, state, memory)
            logits.append(found)
            if isinstance(state, Mapping) and ATTENTION in state:
                attention.append(state[ATTENTION])
        told = {LOGITS: logits} | ({ATTENTION: attention} if attention else {})
        return {name: tf.stack(values, axis=1) for name, values in told.items()}


@dataclass(frozen=True)
class End:
    """A tensor that goes from one signature to the other.

    Attributes:
        name: The name that it comes by; that of another where both are one tensor.
        spec: Its shape and dtype within the model.
        read: Whether any step reads it.
    """

    name: str
    spec: tf.TensorSpec
    read: bool = True

    def tensor(self, tensors: Mapping[str, Any]) -> Any:
        """That which came; zeros, which nothing reads, if it does not come."""
        if self.read:
            return tf.cast(tensors[self.name], self.spec.dtype)
        return tf.zeros([size or 1 for size in self.spec.shape], self.spec.dtype)


def step_by_step(function: SearchFunction, fixed: Signature) -> tuple[Encode, DecodeStep]:
    """A model as the two functions of the module.

    Args:
        function: One of its searches.
        fixed: The same with the sizes of the file.
    """
    model, source = function.model, fixed.inputs[SOURCE]
    encode = Encode(model, {SOURCE: source}, max_length=function.max_length)
    with lowering("plain"):
        memory, state = _ends(encode)
        read = frozenset(_read(_step(model, memory, state, source.shape[0])))

    def told(_, end):
        return dataclasses.replace(end, read=end.name in read)

    memory, state = (named(x, told, "") for x in (memory, state))
    step = _step(model, memory, state, source.shape[0])
    return dataclasses.replace(encode, kept=read), step


def _ends(encode: Encode) -> tuple[Any, Any]:
    """Memory and first state, an `End` in place of each tensor."""
    found = []

    def look(source):
        memory, state = encode.parts(source)
        names: dict[int, str] = {}

        def end(name, tensor):
            spec = tf.TensorSpec(tensor.shape, tensor.dtype)
            return End(names.setdefault(id(tensor), name), spec)

        def end_of_state(name, tensor):  # states that begin as one go on each by itself
            return End(name, tf.TensorSpec(tensor.shape, tensor.dtype))

        found.append((named(memory, end, "memory"), named(state, end_of_state, "state")))
        return tf.constant(0)

    specs = list(encode.inputs.values())
    tf.function(look, input_signature=specs, autograph=False).get_concrete_function()
    return found[0]


def _step(model: Any, memory: Any, state: Any, batch: int | None) -> DecodeStep:
    inputs = {TOKEN: tf.TensorSpec((batch,), tf.int32, TOKEN)}

    def add(_, end):
        if end.read:
            dtype = tf.int32 if end.spec.dtype == tf.bool else end.spec.dtype
            inputs[end.name] = tf.TensorSpec(end.spec.shape, dtype, end.name)

    for part in (memory, state):
        named(part, add, "")
    return DecodeStep(model, inputs, memory=memory, state=state)


def _read(step: DecodeStep) -> list[str]:
    """Which of its inputs a step reads."""
    graph = step.function().graph
    return [
        name for name, tensor in zip(step.inputs, graph.inputs, strict=False) if tensor.consumers()
    ]


def named(structure: Any, change: Callable[[str, Any], Any], name: str) -> Any:
    """A nested structure with each tensor changed by a function of its name and of itself.

    Args:
        structure: Dicts, named tuples, tuples and lists, in each other.
        change: From a name and what has it to what takes its place.
        name: What all names begin with.
    """

    def inner(key, value):
        return named(value, change, f"{name}_{key}")

    if isinstance(structure, Mapping):
        return {key: inner(key, value) for key, value in structure.items()}
    if hasattr(structure, "_fields"):
        return type(structure)(*map(inner, structure._fields, structure))
    if isinstance(structure, (list, tuple)):
        return type(structure)(map(inner, range(len(structure)), structure))
    return change(name, structure)


def _kept(structure: Any, name: str, names: Container[str]) -> Tensors:
    """The tensors of a structure that have one of the names."""
    found: Tensors = {}

    def keep(name, tensor):
        if name in names:  # browsers take no booleans
            found[name] = tf.cast(tensor, tf.int32) if tensor.dtype == tf.bool else tensor

    named(structure, keep, name)
    return found


def along_cases(function: SearchFunction, cases: list[Case]) -> list[Case]:
    """Steps along random tokens, the start before them.

    Args:
        function: One of the searches.
        cases: Sources of the sizes of the file.
    """
    model = function.model
    encode = Encode(model, {SOURCE: function.inputs[SOURCE]}, max_length=function.max_length)
    steps = min(_STEPS, function.max_length)
    tokens = tf.TensorSpec((None, steps), tf.int32, TOKENS)
    run = Along(model, {**encode.inputs, TOKENS: tokens}, encode=encode).traced()
    rng = np.random.default_rng(0)

    def arrays(case):
        source = case.inputs[SOURCE]
        known = rng.integers(0, model.decoder.vocabulary_size, (len(source), steps))
        known[:, 0] = model.start
        return {SOURCE: source, TOKENS: known.astype("int32")}

    return [make_case(arrays(case), run) for case in cases]


def along(encode: Runner, decode_step: Runner) -> Runner:
    """What gives the values of `Along` by the two signatures of a file."""

    def run(inputs: Arrays) -> Arrays:
        carried = dict(encode({SOURCE: inputs[SOURCE]}))
        parts = []
        for token in inputs[TOKENS].T:
            found = decode_step({TOKEN: np.ascontiguousarray(token), **carried})
            carried |= {name: found[name] for name in carried if name in found}
            parts.append(found)
        names = [name for name in (LOGITS, ATTENTION) if name in parts[0]]
        return {name: np.stack([part[name] for part in parts], axis=1) for name in names}

    return run
