"""Options of the frames task."""

import dataclasses
from typing import Any

from tasks.config import TaskConfig, option

NEXT, GAPS = "next", ("refuse", "ignore")
TARGETS = ("classes", "values", NEXT)
ENCODERS, LOSSES = ("auto", "none", "dense", "cnn"), ("mse", "mae", "huber")
MONITORS = ("accuracy", "macro_f1")


@dataclasses.dataclass(frozen=True)
class Config(TaskConfig):
    """Options of the frames task."""

    data: str = option(
        "builtin",
        "builtin, an .npz file (features, labels, lengths), or a folder of .csv files, one a video",
    )
    target: str = option(
        "classes", "what is said of a frame: classes; values, numbers; next, what comes next"
    )
    label_columns: str = option("label", "column of the labels in .csv files; several with commas")
    ignore_columns: str = option("", "columns of .csv files that are not read, with commas")
    target_names: str = option("", "where target=next, the features to predict; all if none")
    gaps: str = option("refuse", "frames without a label: refuse, or ignore: they do not count")
    leave_out: str = option("", "the video that is the test part; the seed draws some if none")
    max_length: int = option(256, "frames of a window; longer videos are cut for training")
    bucket_lengths: tuple[int, ...] = option(
        (32, 64, 128, 256, 512, 1024), "lengths that videos are padded to"
    )
    batch_size: int = option(32, "videos, or windows of them, in a batch")
    epochs: int = option(12, "passes over the training videos")
    learning_rate: float = option(4e-3, "of Adam at the start; it falls to zero along a cosine")
    loss: str = option("mse", "of numbers: mse, mae or huber, in deviations of the training part")
    monitor: str = option("accuracy", "what makes the best epoch: accuracy or macro_f1")
    encoder: str = option("auto", "vectors of frames: none, dense, cnn; auto: cnn for pictures")
    encoder_units: int = option(32, "width of the encoder's vectors")
    filters: tuple[int, ...] = option((8, 16), "channels of a cnn's convolutions")
    cell: str = option("gru", "recurrent layer: gru, lstm, min_gru, …; none: single frames")
    units: int = option(64, "size of the state of each direction")
    layers: int = option(1, "recurrent layers on one another")
    bidirectional: bool = option(False, "whether to read in both directions; then it is not causal")
    dropout: float = option(0.0, "rate before each recurrent layer and before the last layer")

    def __post_init__(self) -> None:
        super().__post_init__()
        # What the model and the data check themselves is left to them.
        words = {"target": TARGETS, "gaps": GAPS, "monitor": MONITORS}
        words |= {"encoder": ENCODERS, "loss": LOSSES}
        of_classes, of_next = self.target == "classes", self.target == NEXT
        self.check(
            **{n: (getattr(self, n) in known, " or ".join(known)) for n, known in words.items()},
            max_length=(self.max_length >= 1, "at least 1"),
            bucket_lengths=(min(self.bucket_lengths, default=1) >= 1, "lengths of at least 1"),
            batch_size=(self.batch_size >= 1, "at least 1"),
            learning_rate=(0 < self.learning_rate < 10, "a number above 0 and below 10"),
            dropout=(0 <= self.dropout < 1, "in [0, 1)"),
        )
        self.check(
            bidirectional=(
                not (self.bidirectional and of_next),
                f"false where target={NEXT}: what comes next would be read",
            ),
            monitor=(
                of_classes or self.monitor == MONITORS[0],
                "left out where numbers are predicted: the best epoch has the smallest loss",
            ),
        )

    def sources(self, **more: Any) -> dict[str, Any]:
        """The options of `keras_seq.data.load_frames`, some of them given here."""
        return {
            "target": self.target,
            "label_columns": _names(self.label_columns),
            "ignore_columns": _names(self.ignore_columns),
            "target_names": _names(self.target_names),
            "gaps": self.gaps,
            "seed": self.seed,
            **more,
        }


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
