"""The table of a report by the length of sources."""

import numpy as np
import pytest
import sacrebleu

from keras_seq.data import ParallelTexts
from tasks.report_translation import _by_length
from tasks.translation import Config
from tasks.translator import Translation

WORDS = ["so", "far", "as", "I", "can", "see", "it", "all", "went", "very", "well", "today"]


@pytest.mark.parametrize(
    "lengths", [[5], [4, 4, 4], [1, 10], [1, 1, 1, 2, 9], [3, 7, 4, 12, 5, 3, 8, 11, 1, 6]]
)
def test_every_sentence_is_in_one_row(lengths):
    sources = [" ".join(WORDS[:length]) for length in lengths]
    found = [f"{source} then {n % 3}" for n, source in enumerate(sources)]
    targets = [f"{source} then {n % 2}" for n, source in enumerate(sources)]
    test = ParallelTexts(sources, targets)
    translations = [Translation(text, 0.0, [], [], None, 0) for text in found]
    section = _by_length(Config(), test, translations)
    [table] = section.parts
    places = []
    for shown, count, bleu, exact in table.rows:
        low, high = map(int, shown.split(" to "))
        rows = [row for row, length in enumerate(lengths) if low <= length <= high]
        assert int(count) == len(rows) > 0
        chosen = [[texts[row] for row in rows] for texts in (found, targets)]
        wanted = sacrebleu.corpus_bleu(chosen[0], [chosen[1]]).score
        assert float(bleu) == pytest.approx(wanted, abs=0.051)
        right = np.mean([a == b for a, b in zip(*chosen, strict=True)])
        assert float(exact) == pytest.approx(right, abs=0.00051)
        places += rows
    assert sorted(places) == list(range(len(lengths)))
    assert len(table.rows) <= 4
