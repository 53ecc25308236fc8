"""NumPy float64, written from the equations; imports nothing from keras_seq or Keras."""
