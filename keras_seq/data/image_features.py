"""Reads features that a network has made of images, by the name of each image."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_seq.data.dataset import DataError


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Features of images.

    Attributes:
        names: The name of each image.
        values: Floats (N, rows, columns, C); one row and column where there is one vector for the
            whole image.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from keras_seq.data import ImageFeatures
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "features.npz"
        >>> np.savez(path, names=["a.jpg", "b.jpg"], features=np.ones((2, 49, 5), "float16"))
        >>> features = ImageFeatures.read(path)
        >>> features.values.shape, features.of("b.jpg").shape
        ((2, 7, 7, 5), (7, 7, 5))
    """

    names: tuple[str, ...]
    values: np.ndarray

    @classmethod
    def read(cls, path: str | Path) -> "ImageFeatures":
        """Reads a .npz file.

        Args:
            path: The file. It holds `names`, N texts, and `features`, floats (N, rows, columns, C),
                (N, P, C) or (N, C). Of P places that make a square, rows and columns are its sides.

        Raises:
            DataError: The file is not there, damaged, or does not hold these.
        """
        path = Path(path).expanduser()
        names, values = _arrays(path)
        if values.dtype.kind != "f" or not 2 <= values.ndim <= 4 or 0 in values.shape:
            raise DataError(
                f"{path}: features came as {values.dtype} of shape {values.shape}; expected are "
                "floats (N, rows, columns, C), (N, places, C) or (N, C)."
            )
        if names.shape != values.shape[:1] or names.dtype.kind not in "US":
            raise DataError(
                f"{path}: {values.shape[0]} features came with names of shape {names.shape} and "
                f"type {names.dtype}; expected is one text per feature."
            )
        try:
            listed = [name.decode() if isinstance(name, bytes) else str(name) for name in names]
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: names are no UTF-8 ({error}); save them as texts.") from None
        if len(set(listed)) < len(listed):
            twice = next(name for n, name in enumerate(listed) if name in listed[:n])
            raise DataError(f"{path}: {twice} comes twice in its names; give each image once.")
        finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if not finite.all():
            bad = [name for name, fine in zip(listed, finite, strict=True) if not fine]
            raise DataError(
                f"{path}: the features of {len(bad)} images hold NaN or infinity, such as those of "
                f"{bad[0]}; make them again."
            )
        return cls(tuple(listed), _with_places(values))

    def of(self, name: str) -> np.ndarray:
        """The features of one image, (rows, columns, C).

        Raises:
            DataError: There are none of it.
        """
        if name not in self.names:
            raise DataError(
                f"there are no features of {name!r}; give a name such as {self.names[0]}."
            )
        return self.values[self.names.index(name)]


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path}: there is no such file of features.")
    try:
        with np.load(path) as file:
            if missing := {"names", "features"} - set(getattr(file, "files", ())):
                held = ", ".join(getattr(file, "files", ())) or "nothing"
                raise DataError(
                    f"{path} holds {held}, and no {' and no '.join(sorted(missing))}; expected is "
                    "a .npz file of names and features."
                )
            return file["names"], file["features"]
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is damaged, or no .npz file of numbers ({error}); make it again."
        ) from None


def _with_places(values: np.ndarray) -> np.ndarray:
    """(N, rows, columns, C)."""
    if values.ndim == 2:
        return values[:, np.newaxis, np.newaxis]
    if values.ndim == 3:
        side = round(values.shape[1] ** 0.5)
        rows = side if side**2 == values.shape[1] else 1
        return values.reshape(len(values), rows, -1, values.shape[-1])
    return values
