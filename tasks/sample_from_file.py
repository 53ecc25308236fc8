"""A sample from an exported language model, through its .tflite alone.

Run as `python -m tasks.sample_from_file saved_models/charlm/model.tflite --prompt "def "`. It needs
LiteRT's interpreter and numpy, and is written to be read: an app does the same. The symbols lie
in the file as `symbols.json`; the signature `step` takes ids and the states, zeros at first, and
gives the logits of the next symbol and the new states by the same names.
"""

import argparse
import itertools
import json
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

LINE_END = "<eos>"  # of words


class SampleError(ValueError):
    """A file or an argument that cannot be used; the message says what to do."""


def sample_from_file(
    path: str | Path,
    prompt: str = "",
    length: int = 200,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int | None = None,
) -> Iterator[str]:
    """Goes on with a prompt.

    Args:
        path: A .tflite with a signature `step`, as `python -m tasks charlm export` writes it.
        prompt: Any text of known symbols.
        length: How many symbols to write.
        temperature: Below 1 likely symbols get likelier; 0 takes the likeliest each time.
        top_k: Of how many of the likeliest symbols is drawn; None: all.
        seed: Draws the symbols; None for others each time.

    Returns:
        The text of each symbol, as it is drawn.

    Raises:
        SampleError: The file is no such export, or the prompt has symbols that it does not know.
    """
    for name, right, wanted in (
        ("length", length >= 1, "at least 1"),
        ("temperature", 0 <= temperature < float("inf"), "a number of at least 0"),
        ("top-k", top_k is None or top_k >= 1, "at least 1"),
        ("seed", seed is None or seed >= 0, "at least 0"),
    ):
        if not right:
            raise SampleError(f"--{name} must be {wanted}.")
    if any("\ud800" <= character <= "\udfff" for character in prompt):
        raise SampleError("--prompt is no UTF-8; convert it first.")
    known, step, states = _opened(path)
    ids = _ids(prompt, known)
    drawn = drawn_ids(
        lambda inputs: step(**inputs),
        states,
        [known["start_id"], *ids],
        length,
        temperature=temperature,
        top_k=top_k,
        unknown=known["unknown_id"],
        seed=seed,
    )
    last = known["symbols"][ids[-1]] if ids else LINE_END
    return _texts((known["symbols"][number] for number in drawn), known["level"], last)


def drawn_ids(
    step: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]],
    states: Mapping[str, np.ndarray],
    begin: Sequence[int],
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    unknown: int | None = None,
    seed: int | None = None,
) -> Iterator[int]:
    """Draws one id after another.

    Args:
        step: From `ids`, (1, 1), and the states to `logits`, (1, 1, V), and the states.
        states: Those before the first id.
        begin: The ids to begin with, at least one.
        length: How many ids to draw.
        temperature: See `sample_from_file`.
        top_k: See `sample_from_file`.
        unknown: An id that is never drawn.
        seed: See `sample_from_file`.
    """
    random = np.random.default_rng(seed)
    waiting = list(begin)
    for _ in range(length):
        for number in waiting:
            found = dict(step({"ids": np.array([[number]], np.int32), **states}))
            states = {name: np.array(found[name]) for name in states}
        logits = np.array(found["logits"][0, -1], np.float64)
        if unknown is not None:
            logits[unknown] = -np.inf
        if not temperature:
            number = int(logits.argmax())
        else:
            logits /= temperature
            if top_k:
                logits[logits < np.sort(logits)[-min(top_k, len(logits))]] = -np.inf
            sums = np.cumsum(np.exp(logits - logits.max()))
            number = int(np.searchsorted(sums, random.random() * sums[-1], side="right"))
        yield number
        waiting = [number]


def _opened(path: str | Path) -> tuple[dict[str, Any], Any, dict[str, np.ndarray]]:
    """The symbols, what runs `step`, and the states before the first symbol."""
    try:
        with zipfile.ZipFile(path) as archive:  # at the end of the file
            known = json.loads(archive.read("symbols.json"))
        step = Interpreter(str(path)).get_signature_runner("step")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SampleError(
            f"{path} is no export of a language model ({error}); make one with "
            "`python -m tasks charlm export`."
        ) from error
    details = step.get_input_details()
    shapes = {name: np.maximum(detail["shape"], 1) for name, detail in details.items()}
    states = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "ids"}
    return known, step, states


def _texts(symbols: Iterable[str], level: str, last: str) -> Iterator[str]:
    """What each symbol adds to a text: words that begin no line have a space before them."""
    for symbol in symbols:
        if level == "characters":
            yield symbol
        else:
            space = "" if last == LINE_END else " "
            yield "\n" if symbol == LINE_END else space + symbol
        last = symbol


def _ids(text: str, known: Mapping[str, Any]) -> list[int]:
    """The ids of a prompt."""
    cut = list(text)
    if known["level"] == "words":
        cut = text.replace("\n", f" {LINE_END} ").split()
    unknown, first = known["unknown_id"], 0 if known["unknown_id"] is None else 1
    ids = {symbol: number for number, symbol in enumerate(known["symbols"]) if number >= first}
    if unknown is None and (others := sorted(set(cut) - ids.keys())):
        raise SampleError(f"The model does not know {', '.join(map(repr, others))}.")
    return [ids.get(symbol, unknown) for symbol in cut]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes a prompt and what may follow it. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="the .tflite")
    parser.add_argument("--prompt", default="")
    parser.add_argument("--length", type=int, default=200, help="symbols to write (%(default)s)")
    parser.add_argument("--temperature", type=float, default=0.8, help="(%(default)s)")
    parser.add_argument("--top-k", type=int, help="draw of so many of the likeliest symbols")
    parser.add_argument("--seed", type=int)
    options = vars(parser.parse_args(arguments))
    path, prompt = options.pop("file"), options.pop("prompt")
    try:
        for piece in itertools.chain([prompt], sample_from_file(path, prompt, **options)):
            print(piece, end="", flush=True)
        print()
    except SampleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
