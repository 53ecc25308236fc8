"""A video as its file has it, before its labels are turned into targets."""

from dataclasses import dataclass, replace

import numpy as np

CLASSES, VALUES, NEXT = "classes", "values", "next"


@dataclass(frozen=True)
class Wanted:
    """What is to be read of a file.

    Attributes:
        labels: "classes" for names of classes, "values" for numbers; "next" for none, for then the
            features are what is to be predicted.
        label_columns: The columns of a table that hold them.
        ignored: Columns of a table that are not read.
        features: What is read as features, by name and in this order; () for all, of a table all
            other columns.
        optional: Whether the file may have no labels.
    """

    labels: str = CLASSES
    label_columns: tuple[str, ...] = ("label",)
    ignored: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, eq=False)
class Video:
    """One video as its file has it.

    Attributes:
        name: What it is called.
        features: Float32, (T, F) or (T, H, W, C), all of them finite.
        labels: Strings (T,), "" where there is none; or float32 (T, D), NaN where there is none;
            None if the file has no labels.
        feature_names: Of each feature; () for pictures.
        place: Where it stands, for messages.
        lines: The line of each frame, if it stands in a table.
        part: "train", "validation", "test", or "" where the source does not tell.
    """

    name: str
    features: np.ndarray
    labels: np.ndarray | None
    feature_names: tuple[str, ...]
    place: str
    lines: tuple[int, ...] = ()
    part: str = ""

    def __len__(self) -> int:
        return len(self.features)

    def at(self, frame: int) -> str:
        """Where a frame stands: "walk.csv, line 7"."""
        which = f"line {self.lines[frame]}" if self.lines else f"frame {frame}"
        return f"{self.place}, {which}"

    def of_part(self, part: str) -> "Video":
        """The same in a part."""
        return replace(self, part=part)

    @property
    def unlabelled(self) -> np.ndarray:
        """(T,): which frames have no label."""
        if self.labels is None:
            return np.ones(len(self), bool)
        if self.labels.dtype.kind == "f":
            return ~np.isfinite(self.labels).all(axis=1)
        return self.labels == ""
