"""Images with captions as batches, for the captioning task."""

import functools
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.data import (
    CaptionDataset,
    CaptionedImages,
    DataError,
    PictureFiles,
    TextCodec,
    caption_batches,
    cut_sequences,
    fitting,
    plain_caption,
)
from tasks.captioner import Captioner, CaptionQuality, caption_quality
from tasks.run_directory import RunDirectory
from tasks.task import DIGEST, Data

SAMPLES, CODEC = "samples.npz", "captions"
SAMPLE_COUNT = 64  # test images kept with a run, on which its exports are checked
_SHOWN = 224  # side of a picture that is shown beside features
PICTURES = tuple(f"sample-{number}.png" for number in (1, 2, 3))  # of these some to look at
FILES = frozenset({SAMPLES, DIGEST, f"{CODEC}.vocabulary.txt", f"{CODEC}.json", *PICTURES})


class CaptioningData(Data):
    """Images with captions as batches."""

    def __init__(self, config: Any, images: CaptionDataset, codec: TextCodec):
        self.config, self.images, self.codec = config, images, codec
        self.notes = images.notes
        self._captioners: dict[tuple, tuple[Any, Captioner]] = {}

    def _pairs(self, part: CaptionedImages) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """The number of the image, and the ids, of each caption."""
        rows, texts = part.pairs()
        ids = self.codec.encode(map(plain_caption, texts), start=True, end=True)
        return tf.RaggedTensor.from_tensor(rows[:, np.newaxis]), ids

    @functools.cached_property
    def _train_ids(self) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        return self._pairs(self.images.train)

    @functools.cached_property
    def _train_pairs(self):
        return fitting(*self._train_ids, source_length=1, target_length=self._longest)

    @property
    def _longest(self) -> int:
        return self.config.max_length + 1  # start and end are ids as well

    @functools.cached_property
    def _train_inputs(self) -> tf.Tensor:
        return tf.constant(self.images.train.inputs)

    def train(self, epoch):
        """See `Data`."""
        return caption_batches(
            self._train_inputs,
            self._train_pairs.source.flat_values.numpy(),
            self._train_pairs.target,
            batch_size=self.config.batch_size,
            shuffle_seed=self.config.seed,
            epoch=epoch,
        )

    def validation(self):
        """See `Data`: every caption with its image."""
        return self._in_order(self.images.validation)

    def test(self):
        """See `Data`: every caption with its image."""
        return self._in_order(self.images.test)

    def _in_order(self, part: CaptionedImages) -> tf.data.Dataset:
        rows, ids = self._pairs(part)
        ids = cut_sequences(ids, self._longest)
        return caption_batches(part.inputs, rows.flat_values.numpy(), ids, batch_size=128)

    def save(self, run):
        """See `Data`."""
        self.codec.save(run.path, CODEC)
        test = self.images.test
        samples = test.take(range(min(SAMPLE_COUNT, len(test))))
        np.savez(run / SAMPLES, names=samples.names, inputs=samples.inputs)
        if test.are_pictures:
            for name, picture in zip(PICTURES, samples.inputs, strict=False):
                (run / name).write_bytes(tf.io.encode_png(picture).numpy())
        self.save_digest(run)

    def contents(self):
        """See `Data`."""
        parts = (self.images.train, self.images.validation, self.images.test)
        return (
            [part.names, hashlib.sha256(part.inputs.tobytes()).hexdigest(), part.captions]
            for part in parts
        )

    @property
    def sizes(self):
        """See `Data`: of training the captions, else the images."""
        sizes = {p: len(getattr(self.images, p)) for p in ("validation", "test")}
        fit = self._train_ids[1].row_lengths() <= self._longest
        return {"train": int(tf.reduce_sum(tf.cast(fit, tf.int32))), **sizes}

    def captioner(self, model, **options) -> Captioner:
        """A captioner with this codec; the same one for the same model, traced once."""
        key = (id(model), *sorted(options.items()))
        if key not in self._captioners:
            made = Captioner(model, self.codec, max_length=self.config.max_length, **options)
            self._captioners[key] = (model, made)  # which keeps the model, so no other has its id
        return self._captioners[key][1]

    def quality(self, captioner: Captioner, part: CaptionedImages) -> CaptionQuality:
        """How well the images of a part are captioned."""
        found = [caption.text for caption in captioner(part.inputs)]
        return caption_quality(found, plain_captions(part))


def plain_captions(part: CaptionedImages) -> list[list[str]]:
    """The captions of each image in the words that count.

    Raises:
        DataError: One has none.
    """
    plain = [[plain_caption(text) for text in texts] for texts in part.captions]
    for name, texts, of_image in zip(part.names, part.captions, plain, strict=True):
        if not all(of_image):
            text = texts[of_image.index("")]
            raise DataError(f"{name} has the caption {text!r}, which holds no words: write others.")
    return plain


def samples(run: RunDirectory) -> tuple[list[str], np.ndarray]:
    """The test images kept with a run: their names, and what the model reads of them.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        with np.load(run / SAMPLES) as file:
            return [str(name) for name in file["names"]], file["inputs"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{run / SAMPLES} cannot be read ({error}); train again.") from None


def picture_named(config: Any, name: str) -> np.ndarray:
    """The picture of an image whose features are read, from the folder of the data.

    Raises:
        DataError: It is not there, or no picture.
    """
    pictures, bad = PictureFiles.of(Path(config.data).expanduser()).pictures([name], _SHOWN)
    if bad:
        raise DataError(bad[name])
    return pictures[0]
