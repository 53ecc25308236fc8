"""What TensorFlow runs on."""

import tensorflow as tf


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))
