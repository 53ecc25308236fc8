"""docs/CELLS.md says what the classes say."""

import importlib.util
import re
from pathlib import Path

import pytest

from keras_seq import cells

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "CELLS.md").read_text(encoding="utf-8")
_spec = importlib.util.spec_from_file_location("make_cells", DOCS / "make_cells.py")
make_cells = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_cells)
KINDS = make_cells.own_layers()
ABSTRACT = {"Cell", "GatedCell", "LinearCell"}


def test_every_public_cell_is_on_the_page():
    public = {name for name in cells.__all__ if name.endswith("Cell")} - ABSTRACT
    assert public == {kind.cell_class.__name__ for kind in KINDS.values()}
    assert public == set(re.findall(r"^## (\w+)$", PAGE, flags=re.MULTILINE))


@pytest.mark.parametrize("name", KINDS)
def test_the_page_is_what_make_docs_writes(name):
    """But for the exports, which take minutes: the export tests run those."""
    told = " | ".join(make_cells.row(name, KINDS[name]))
    assert re.search(
        rf"^\| {re.escape(told)} \| SavedModel, TFLite loop \(\d", PAGE, re.MULTILINE
    ), f"run make docs: {told}"
    assert make_cells.section(KINDS[name]) in PAGE, "run make docs"


def test_the_parameters_are_those_of_the_papers():
    """Counted by hand: a product for each gate, and what the cell has beside."""
    assert make_cells.parameters(KINDS["lstm"]) == "4·F·U + 4·U² + 4·U"
    assert make_cells.parameters(KINDS["gru"]) == "3·F·U + 3·U² + 6·U"
    assert make_cells.parameters(KINDS["peephole_lstm"]) == "4·F·U + 4·U² + 7·U"
    assert make_cells.parameters(KINDS["min_gru"]) == "2·F·U + 2·U"
    assert make_cells.parameters(KINDS["ind_rnn"]) == "F·U + 2·U"


def test_every_cell_has_equations_and_a_reference():
    for kind in KINDS.values():
        _, body, reference = make_cells.documented(kind.cell_class)
        assert "$$" in body, kind
        assert len(reference) > 20, kind
