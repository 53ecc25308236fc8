"""Fonts that can show a text."""

import functools
import warnings
from collections.abc import Iterable

from matplotlib import font_manager


def families_for(texts: Iterable[str]) -> list[str]:
    """Font families, the default one first, that together show as much of the texts as can be.

    Args:
        texts: What is to be shown.

    Returns:
        Families for `matplotlib.text.Text.set_fontfamily`.

    Warns:
        UserWarning: Characters that no installed font has; boxes will stand for them.
    """
    properties = font_manager.FontProperties()
    families = [properties.get_name()]
    wanted = {ord(c) for text in texts for c in text if c.isprintable() and not c.isspace()}
    missing = wanted - _characters(font_manager.findfont(properties))
    # matplotlib's own font of last resort has a box for everything.
    fonts = [f for f in font_manager.fontManager.ttflist if "Last Resort" not in f.name]
    while missing:
        best = max(fonts, key=lambda font: len(missing & _characters(font.fname)))
        found = missing & _characters(best.fname)
        if not found:
            shown = " ".join(map(chr, sorted(missing)[:10])) + (" …" if len(missing) > 10 else "")
            warnings.warn(
                f"No installed font has {shown}; boxes stand for them. Install one that has, for "
                "Chinese such as Noto Sans CJK.",
                stacklevel=4,  # the call of the picture
            )
            break
        families.append(best.name)
        missing -= found
    return families


@functools.cache
def _characters(path: str) -> frozenset[int]:
    """The characters of a font file."""
    try:
        return frozenset(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError):  # a file that went away, or is no font after all
        return frozenset()
