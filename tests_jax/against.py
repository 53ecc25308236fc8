"""How a layer is run and differentiated on JAX: one pair, one way to run, one comparison."""

import functools

import jax
import keras
import numpy as np
import pytest
from contract import CASES, MAIN_CASES, RELATIVES, F, T, U, sequences
from oracle.gradients import central_differences
from oracle.loop import run

every_case = pytest.mark.parametrize("case", [*CASES, *RELATIVES], ids=lambda case: case.name)
main_case = pytest.mark.parametrize("case", MAIN_CASES, ids=lambda case: case.name)


def with_weights(layer, weights, batch=None):
    """The layer, built for random sequences, with these weights."""
    layer.build((batch, T, F))
    layer.set_weights(weights)
    return layer


def pair(case, **options):
    """Our layer and its namesake, if it has one, with equal weights."""
    options, batch = {**case.options, **options}, 3 if options.get("stateful") else None
    made = [kind(U, **options) for kind in (case.layer, case.keras_layer) if kind]
    return [with_weights(layer, case.weights(), batch) for layer in made]


def mixture(values):
    """A scalar in which every entry of every value has a weight of its own."""
    random = np.random.default_rng(9)
    return sum((v * random.normal(size=v.shape)).sum() for v in values)


def compiled(layer):
    """The layer as one compiled function, as in `fit`.

    It gives all outputs, and the gradients of their mixture: of the weights, the inputs and the
    initial states. The seeds that a call has changed are kept.
    """

    @functools.partial(jax.jit, static_argnames="training")
    def outputs_and_gradients(trained, other, given, call, training):
        def loss(trained, given):
            options = {"initial_state": given[1:]} if given[1:] else {}
            options.update({"training": True} if training else {}, **call)
            outputs, kept = layer.stateless_call(trained, other, given[0], **options)
            outputs = keras.tree.flatten(outputs)
            return mixture(outputs), (outputs, kept)

        gradients, (outputs, kept) = jax.grad(loss, (0, 1), has_aux=True)(trained, given)
        return outputs, keras.tree.flatten(gradients), kept

    def evaluate(x, states=(), training=False, **call):
        given = [np.asarray(value, "float32") for value in (x, *states)]
        variables = layer.trainable_variables, layer.non_trainable_variables
        values = [[v.value for v in of_a_kind] for of_a_kind in variables]
        *found, kept = outputs_and_gradients(*values, given, call, training)
        for variable, value in zip(variables[1], kept, strict=True):
            variable.assign(value)
        return [[np.asarray(value) for value in values] for values in found]

    return evaluate


def of_the_oracle(case, states, mask, return_sequences=False, unroll=False, **order):
    """What the compiled layer of a case must give with `return_state`, in float64."""
    weights = case.weights()
    count = len(weights)

    def read(values):
        step = case.oracle_step(values[:count])
        outputs, last, final = run(step, values[count], values[count + 1 :], mask, **order)
        return [outputs if return_sequences else last, *final]

    values = [*weights, sequences(), *states]
    return read(values), central_differences(lambda v: mixture(read(v)), values)


def assert_equal(found, expected, where="", tolerance=1e-5):
    """Outputs and gradients, each by name of place if they differ."""
    for what, a, b in zip(("output", "gradient"), found, expected, strict=True):
        for place, (one, other) in enumerate(zip(a, b, strict=True)):
            np.testing.assert_allclose(
                one, other, rtol=tolerance, atol=tolerance, err_msg=f"{what} {place}, {where}"
            )
