"""An encoder of images with a network of `keras.applications` inside."""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_seq.models.image_encoder import ImageEncoder

IMAGENET = "imagenet"


@keras.saving.register_keras_serializable("keras_seq")
class BackboneEncoder(ImageEncoder):
    """Any network of `keras.applications`, up to its last features, its preprocessing included.

    Args:
        source_shape: (H, W, 3), that of one image.
        units: D, the width of the values.
        backbone: Name of the network: "MobileNetV2", "EfficientNetB0", …
        weights: "imagenet", which Keras downloads if they are not there; the path of a file of
            weights (.h5) or of a model without its last layers (.keras); or None for random ones.
            Of a loaded model they come from its own file.
        fine_tune: Whether the network is trained too; else it stays as it is.
        **kwargs: See `ImageEncoder`.

    Call arguments:
        source: Images (B, H, W, 3), numbers from 0 to 255.
        training: Whether dropout is active.

    Returns:
        `Encoded`: values (B, rows · columns, D), a mask that is True throughout, no states.

    Raises:
        ValueError: There is no such network, its weights cannot be had, or images of a size that it
            does not take.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import BackboneEncoder
        >>> encoder = BackboneEncoder((32, 32, 3), 8, backbone="MobileNetV2", weights=None)
        >>> tuple(encoder(np.zeros((1, 32, 32, 3), "uint8")).values.shape)
        (1, 1, 8)
    """

    def __init__(
        self, source_shape, units, *, backbone, weights=IMAGENET, fine_tune=False, **kwargs
    ):
        super().__init__(source_shape, units, **kwargs)
        self.backbone, self.fine_tune = backbone, fine_tune
        make, self.preprocess = _of_name(backbone)
        self.network = _with_weights(backbone, make, weights, self.source_shape)
        self.network.trainable = fine_tune

    def build_look(self, shape):
        """See `ImageEncoder`."""
        return self.network.output_shape

    def look(self, source, training=False):
        """See `ImageEncoder`."""
        x = self.preprocess(ops.cast(source, self.compute_dtype))
        return self.network(x, training=training and self.fine_tune)

    def get_config(self):
        """The configuration; whoever loads a model has its weights."""
        own = {"backbone": self.backbone, "weights": None, "fine_tune": self.fine_tune}
        return {**super().get_config(), **own}


def _backbones() -> dict[str, tuple[Callable, Callable]]:
    """By name, what makes a network and what prepares its images."""
    found = {}
    for module in vars(keras.applications).values():
        if prepare := getattr(module, "preprocess_input", None):
            for name, make in vars(module).items():
                if callable(make) and name[0].isupper():
                    found[name] = (make, prepare)
    return found


def _of_name(name: str) -> tuple[Callable, Callable]:
    known = _backbones()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1, cutoff=0.5)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"There is no network {name!r} in keras.applications.{guess} There are: "
            f"{', '.join(sorted(known))}."
        )
    return known[name]


def _with_weights(name: str, make: Callable, weights: str | None, shape: tuple) -> Any:
    if weights == IMAGENET:
        try:
            return make(include_top=False, weights=IMAGENET, input_shape=shape)
        except ValueError:
            raise
        except Exception as error:  # Keras raises a bare one where a download fails
            raise ValueError(
                f"The weights that {name} has from ImageNet could not be downloaded "
                f"({_first_line(error)}). Give the path of a file that holds them, or no weights."
            ) from error
    network = make(include_top=False, weights=None, input_shape=shape)
    if weights is None:
        return network
    if not Path(weights).is_file():
        raise ValueError(
            f"weights must be {IMAGENET!r}, None or the path of a file; there is no file {weights}."
        )
    try:
        if Path(weights).suffix == ".keras":
            network.set_weights(keras.saving.load_model(weights, compile=False).get_weights())
        else:
            network.load_weights(weights)
    except Exception as error:
        raise ValueError(
            f"{weights} does not hold the weights of {name} without its last layers "
            f"({_first_line(error)}). Give a .h5 or .keras file that does."
        ) from error
    return network


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
