"""Which form each recurrent layer takes in a .tflite: a loop, one fused op, or all steps in a row.

| mode | form | takes |
|---|---|---|
| "loop" | a WHILE over blocks of steps | any batch size and length |
| "fused" | one op a layer, of the layers that TFLite has one for; the others loop | a fixed batch |
| "unroll" | the ops of every step in a row | a fixed length |
| "auto" | "unroll" for small layers and short sequences, else "loop" | anything |

The rule of "auto" is what `make bench-export` measures, on a CPU with XNNPACK.
"""

from dataclasses import dataclass, field
from typing import Any

from keras_seq.cells import Cell
from keras_seq.export.errors import ExportError
from keras_seq.layers.engine_tensorflow.fused import why_not
from keras_seq.layers.loops import Given
from keras_seq.layers.zoneout import WithZoneout

MODES = ("auto", "loop", "fused", "unroll")
# Unrolled is faster than the loop up to so many units times steps.
SMALL = 4096
# Each step adds its ops to the file, however small the layer is.
LONGEST = 128


@dataclass
class Modes:
    """The rule that a model is lowered by, and what it chose for each cell.

    Attributes:
        mode: One of `MODES`.
        quantize: How the file will be quantised.
        chosen: By the identity of the cell, its form where it was first traced.
        forms: All forms that were chosen.
        refused: Why cells have no fused form.
    """

    mode: str
    quantize: str | None = None
    chosen: dict[int, str] = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def __call__(self, cell: Cell, given: Given, final: bool) -> str:
        """The lowering of a cell; see `keras_seq.layers.lowering`."""
        form = self._form(cell, given, final)
        inner = cell.cell if isinstance(cell, WithZoneout) else cell
        self.chosen.setdefault(id(inner), form)
        self.forms.add(form)
        if form != "loop":
            return form
        # Calibration for int8 crashes at what goes through a loop unchanged.
        return "touch" if self.quantize == "int8" else "export"

    def _form(self, cell: Cell, given: Given, final: bool) -> str:
        steps = given.x.shape[1]
        if self.mode == "unroll" and steps is None:
            raise ExportError(
                'mode="unroll" needs a fixed length: give `length`, and, where chunks are read, '
                "`step_length` too."
            )
        if self.mode == "fused":
            reason = why_not(cell) or _unfit(given, final)
            if reason is None:
                return "fused"
            self.refused.add(reason)
        if self.mode == "auto" and steps is not None:
            return "unroll" if unrolls(max(cell.widths), steps) else "loop"
        return "unroll" if self.mode == "unroll" else "loop"

    def of_layers(self, layers: list[Any]) -> dict[str, str]:
        """The form of each recurrent layer, by its name.

        Args:
            layers: The model's layers.
        """
        forms = {}
        for layer in layers:
            if form := self.chosen.get(id(getattr(layer, "cell", None))):
                forms[layer.name] = form
            elif getattr(layer, "unroll", False) is True:  # whatever the rule says
                forms[layer.name] = "unroll"
        return forms

    def check(self) -> None:
        """Refuses a mode that nothing came of.

        Raises:
            ExportError: The mode is "fused" and no layer has a fused form.
        """
        if self.mode == "fused" and "fused" not in self.forms:
            reasons = "; ".join(sorted(self.refused)) or "it has no recurrent layer"
            raise ExportError(f'mode="fused" finds nothing to fuse in this model: {reasons}.')


def unrolls(units: int, steps: int) -> bool:
    """Whether mode "auto" takes the steps in a row.

    Args:
        units: Of the layer's widest state.
        steps: Its fixed length.
    """
    return steps <= LONGEST and units * steps <= SMALL


def _unfit(given: Given, final: bool) -> str | None:
    if given.x.shape[0] is None:
        return "TFLite's fused ops need a fixed batch size"
    if given.mask and final and len(given.states) > 1:
        return "TFLite's fused ops know no masks, and its final states are wanted"
    if len(given.mask) > 1:
        return "TFLite's fused ops know no masks of single states"
    return None
