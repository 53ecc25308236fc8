"""Converts a layer of torch.nn by litert-torch. Run as a program, by the Python that has it.

`benchmarks.tflite_systems` starts it; it imports nothing of this library.
"""

import sys

import litert_torch
import numpy as np
import torch


class Sequences(torch.nn.Module):
    """The outputs of every step, with the weights that a Keras layer has."""

    def __init__(self, kind, kernel, recurrent_kernel, bias):
        super().__init__()
        features, units = kernel.shape[0], recurrent_kernel.shape[0]
        self.layer = getattr(torch.nn, kind)(features, units, batch_first=True)
        # Only the GRU has two biases; its gates are z, r, h there and r, z, n here.
        biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        order = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2)}[kind]

        def ordered(weight):
            gates = np.split(weight, len(order), axis=-1)
            return torch.from_numpy(np.concatenate([gates[g] for g in order], axis=-1).T.copy())

        with torch.no_grad():
            self.layer.weight_ih_l0.copy_(ordered(kernel))
            self.layer.weight_hh_l0.copy_(ordered(recurrent_kernel))
            self.layer.bias_ih_l0.copy_(ordered(biases[0]))
            self.layer.bias_hh_l0.copy_(ordered(biases[1]))

    def forward(self, x):
        """From (B, T, F) to (B, T, U)."""
        return self.layer(x)[0]


def main(kind, steps, weights, output):
    """Writes the .tflite of a layer with the weights of an .npz file."""
    with np.load(weights) as arrays:
        module = Sequences(kind, *(arrays[name] for name in arrays.files)).eval()
    example = torch.zeros(1, int(steps), module.layer.input_size)
    litert_torch.convert(module, (example,)).export(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
