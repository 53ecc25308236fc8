"""What is measured: our layers and their peers, on the same input and from the same weights."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.custom_cells import LayerNormLSTMCell, PeepholeLSTMCell
from keras_seq import cells, layers

NAMES = ("SimpleRNN", "LSTM", "GRU")
CUSTOM = {"PeepholeLSTM": PeepholeLSTMCell, "LayerNormLSTM": LayerNormLSTMCell}
SYSTEMS = ("ours", "Keras", "Keras, XLA", "RNN(cell)", "RNN(cell), XLA", "torch")
Shape = tuple[int, int, int, int]
Run = Callable[[], Any]
tf.get_logger().setLevel("ERROR")  # each case has functions of its own: tracing them is meant


@dataclass(frozen=True)
class Case:
    """What every system does.

    Attributes:
        name: One of `NAMES`, or of `CUSTOM`.
        shape: Batch, time, features, units.
        masked: Whether there is a mask; rows are then half to wholly real.
        training: A training step, or inference.
        input_gradient: Whether the step gives the gradient of the input too.
    """

    name: str
    shape: Shape
    masked: bool = False
    training: bool = True
    input_gradient: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.shape}{', masked' if self.masked else ''}"


def systems(case: Case) -> list[str]:
    """The systems that can run a case. A custom cell has no namesake, torch.nn no mask."""
    if case.name in CUSTOM:
        return ["ours", "RNN(cell)", "RNN(cell), XLA"]
    found = ["ours", "Keras", "Keras, XLA", "RNN(cell)"]
    return [*found, "torch"] if has_torch() and not case.masked else found


def has_torch() -> bool:
    """Whether torch is installed."""
    return importlib.util.find_spec("torch") is not None


def build(system: str, case: Case) -> Run:
    """One run of a case by a system: a call that does a training step, or inference.

    A training step is the forward pass, the mean of the squared outputs, and the gradients of all
    weights. It returns these gradients, inference the outputs.

    Args:
        system: One of `SYSTEMS`.
        case: The case.
    """
    batch, steps, features, _ = case.shape
    x = np.random.default_rng(0).normal(size=(batch, steps, features)).astype("float32")
    mask = np.arange(steps) < np.linspace(steps / 2, steps, batch)[:, None]
    if system == "torch":
        return _torch(case, x)
    layer = _layer(system, case)
    xla = system.endswith("XLA")
    return _tensorflow(layer, tf.constant(x), tf.constant(mask) if case.masked else None, case, xla)


def _layer(system: str, case: Case) -> keras.layers.Layer:
    """The layer, with weights that depend on nothing but their shapes."""
    features, units = case.shape[2:]
    # Zeros, for the weights are drawn below, and an orthogonal start costs seconds.
    start = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    cell_class = CUSTOM.get(case.name) or getattr(cells, f"{case.name}Cell")
    # Every system runs its own loop, on a GPU too; the vanilla layers know no other.
    own_loop = {} if case.name == "SimpleRNN" else {"use_cudnn": False}
    if system.startswith("RNN(cell)"):
        layer = keras.layers.RNN(cell_class(units, **start), return_sequences=True)
    elif case.name in CUSTOM:
        layer = layers.Recurrent(cell_class(units, **start), return_sequences=True)
    else:
        library = layers if system == "ours" else keras.layers
        layer = getattr(library, case.name)(units, **start, **own_loop, return_sequences=True)
    layer.build((None, None, features))
    random = np.random.default_rng(1)
    layer.set_weights(
        [w + random.normal(scale=units**-0.5, size=w.shape) for w in layer.get_weights()]
    )
    return layer


def _tensorflow(layer: keras.layers.Layer, x: Any, mask: Any, case: Case, xla: bool) -> Run:
    weights = [variable.value for variable in layer.trainable_variables]

    @tf.function(jit_compile=xla)
    def train(x, mask):
        with tf.GradientTape() as tape:
            if case.input_gradient:
                tape.watch(x)
            loss = tf.reduce_mean(layer(x, mask=mask, training=True) ** 2)
        return tape.gradient(loss, [*weights, x] if case.input_gradient else weights)

    @tf.function(jit_compile=xla)
    def infer(x, mask):
        return layer(x, mask=mask, training=False)

    run = train if case.training else infer
    return lambda: run(x, mask)


def _torch(case: Case, x: np.ndarray) -> Run:
    import torch

    kind = {"SimpleRNN": "RNN"}.get(case.name, case.name)
    network = getattr(torch.nn, kind)(*case.shape[2:], batch_first=True)
    with torch.no_grad():
        for name, array in torch_weights(case).items():
            getattr(network, name).copy_(torch.from_numpy(array))
    inputs = torch.from_numpy(x).requires_grad_(case.training and case.input_gradient)

    def train():
        network.zero_grad()
        inputs.grad = None
        (network(inputs)[0] ** 2).mean().backward()
        gradients = [weight.grad for weight in network.parameters()]
        return [*gradients, inputs.grad] if case.input_gradient else gradients

    def infer():
        with torch.inference_mode():
            return network(inputs)[0]

    if not case.training:
        network.eval()
    return train if case.training else infer


def torch_weights(case: Case) -> dict[str, np.ndarray]:
    """Our weights by torch's names, transposed and in torch's order of the gates."""
    kernel, recurrent_kernel, bias = _layer("ours", case).get_weights()
    # Only the GRU has two biases; its gates are z, r, h here and r, z, n there.
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    count = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[case.name]
    order = [1, 0, 2] if case.name == "GRU" else range(count)

    def ordered(weight):
        gates = np.split(weight, count, axis=-1)
        return np.concatenate([gates[gate] for gate in order], axis=-1).T.copy()

    return {
        "weight_ih_l0": ordered(kernel),
        "weight_hh_l0": ordered(recurrent_kernel),
        "bias_ih_l0": ordered(biases[0]),
        "bias_hh_l0": ordered(biases[1]),
    }
