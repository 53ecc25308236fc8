"""Progress of a training run: a bar on a terminal, a line an epoch elsewhere."""

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_REDRAW_SECONDS = 0.25


class ProgressBar(keras.callbacks.Callback):
    """Shows where `fit` stands, with loss and accuracy, and one summary line an epoch.

    Args:
        console: Where to write.
    """

    def __init__(self, console: Console):
        super().__init__()
        self.console = console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            refresh_per_second=1 / _REDRAW_SECONDS,
            disable=not console.is_terminal,
        )

    def on_train_begin(self, logs=None):
        """Opens the bar."""
        self.bar.start()

    def on_train_end(self, logs=None):
        """Closes the bar."""
        self.bar.stop()

    def on_epoch_begin(self, epoch, logs=None):
        """A fresh bar for each epoch."""
        title = f"epoch {epoch + 1}/{self.params['epochs']}"
        self.current = self.bar.add_task(title, total=self.params["steps"], figures="")

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar on."""
        self.bar.update(self.current, completed=batch + 1, figures=figures(logs))

    def on_epoch_end(self, epoch, logs=None):
        """Replaces the bar by a line."""
        self.bar.remove_task(self.current)
        self.console.print(
            f"epoch {epoch + 1}/{self.params['epochs']}  {figures(logs)}", highlight=False
        )


def figures(logs) -> str:
    """Loss and metrics in one line, validation after training."""
    return "  ".join(
        f"{name.replace('_', ' ')} {value:.4f}" for name, value in (logs or {}).items()
    )
