"""Inside a recurrent layer: its gates and states over time, the gradient on its way, pictures."""

from keras_seq.inspect.gates import Record, record
from keras_seq.inspect.gradients import gradient_flow
from keras_seq.inspect.image_attention import plot_image_attention
from keras_seq.inspect.plots import plot_attention, plot_gates, plot_gradient_flow
from keras_seq.inspect.received import LayerInput, layer_input
from keras_seq.inspect.surprise import pieces_with_room, plot_surprise
from keras_seq.inspect.timeline import plot_timeline, plot_values

__all__ = [
    "LayerInput",
    "Record",
    "gradient_flow",
    "layer_input",
    "pieces_with_room",
    "plot_attention",
    "plot_gates",
    "plot_gradient_flow",
    "plot_image_attention",
    "plot_surprise",
    "plot_timeline",
    "plot_values",
    "record",
]
