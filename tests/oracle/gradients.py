"""Gradients by central differences."""

import numpy as np


def central_differences(function, values, step=1e-6):
    """The gradient of the scalar `function(values)` with respect to each array in the list."""
    gradients = []
    for array in values:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = function(values)
            array[index] = kept - step
            below = function(values)
            array[index] = kept
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients
