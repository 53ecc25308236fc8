"""The time loop on TensorFlow: the one place in the layers that leaves `keras.ops`."""
