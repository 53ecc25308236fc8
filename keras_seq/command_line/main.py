"""The verbs of `python -m keras_seq`: export a saved Keras model, inspect and time a .tflite."""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
from rich.console import Console

from keras_seq.command_line import tables
from keras_seq.command_line.export import arrays_of, export
from keras_seq.export.bench import bench
from keras_seq.export.errors import ExportError
from keras_seq.export.file.flatbuffer import TFLiteFile
from keras_seq.export.file.metadata import read_metadata
from keras_seq.export.modes import MODES
from keras_seq.export.options import PROFILES
from keras_seq.export.quantize import QUANTIZATIONS
from keras_seq.export.streaming import STREAMING


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb.

    Args:
        arguments: The words after `python -m keras_seq`; those of this process if None.

    Returns:
        The exit status: 0, or 1 if the export, or the file, was refused.

    Raises:
        SystemExit: The words are no command; its code is 2, and 0 after --help.
    """
    options = _parse(arguments)
    console = Console(highlight=False)
    try:
        options.run(options, console)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; nothing was replaced.", file=sys.stderr)
        return 130
    return 0


def _export(options: argparse.Namespace, console: Console) -> None:
    report = export(options)
    if report is not None:
        console.print(tables.export(report), soft_wrap=True)
    if options.saved_model:
        console.print(f"SavedModel: {options.saved_model}", markup=False, soft_wrap=True)


def _inspect(options: argparse.Namespace, console: Console) -> None:
    file, metadata = TFLiteFile.read(options.file), read_metadata(options.file)
    if options.json:
        print(json.dumps(tables.as_json(file, metadata), indent=2))
        return
    for part in tables.inspect(file, metadata):
        console.print(part)


def _bench(options: argparse.Namespace, console: Console) -> None:
    inputs = arrays_of(options.input) if options.input else None
    if isinstance(inputs, np.ndarray):
        raise ExportError(f"--input takes an .npz with arrays by input name; got {options.input}.")
    found = bench(
        options.file,
        inputs=inputs,
        signature=options.signature,
        runs=options.runs,
        threads=options.threads,
        batch_size=options.batch_size,
        length=options.length,
    )
    if options.json:
        print(json.dumps(tables.bench_as_json(found), indent=2))
    else:
        console.print(tables.bench(found))


class _Parser(argparse.ArgumentParser):
    """Names the nearest word after a typo."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with the message, and a guess."""
        if match := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message += _guess(match[1], re.findall(r"[\w.-]+", match[2]))
        super().error(message)

    def refuse(self, words: list[str]) -> NoReturn:
        """Ends the program over words that it does not know."""
        wrong = next((word for word in words if word.startswith("-")), words[0])
        known = re.findall(r"--[\w-]+", self.format_usage())
        self.error(f"unrecognized arguments: {' '.join(words)}{_guess(wrong.split('=')[0], known)}")


def _guess(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1, cutoff=0.5)
    return f". Did you mean {near[0]}?" if near else ""


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m keras_seq", description="Exports models, and looks into what was exported."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    parsers = {
        "export": _add_export(verbs),
        "inspect": _add_inspect(verbs),
        "bench": _add_bench(verbs),
    }
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parsers[options.verb].refuse(unknown)
    return options


def _add_export(verbs: Any) -> _Parser:
    parser = verbs.add_parser("export", help="write a TFLite file and a SavedModel, values checked")
    parser.set_defaults(run=_export)
    parser.add_argument("model", metavar="MODEL.keras", help="what model.save wrote")
    parser.add_argument("--tflite", metavar="FILE", help="TFLite file to write")
    parser.add_argument("--saved-model", metavar="DIR", help="SavedModel folder to write")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="MODULE_OR_FILE",
        help="Python to import first: your own layers and cells",
    )
    parser.add_argument(
        "--tolerance", type=float, metavar="X", help="largest difference let through"
    )
    parser.add_argument(
        "--max-length", type=int, metavar="N", help="of a Seq2Seq: the most tokens it writes (64)"
    )
    parser.add_argument("--report", metavar="FILE.json", help="what was written and checked")
    lite = parser.add_argument_group("the TFLite file")
    lite.add_argument("--mode", choices=_words(MODES), help="form of the recurrent layers")
    lite.add_argument("--quantize", choices=_words(QUANTIZATIONS), help="how numbers are rounded")
    lite.add_argument(
        "--representative",
        metavar="DATA",
        help="for int8: .npz with arrays by input name, or .npy of the one input",
    )
    lite.add_argument("--profile", choices=_words(PROFILES), help="which runtimes must take it")
    lite.add_argument("--batch-size", type=int, metavar="N", help="any if left out")
    lite.add_argument(
        "--length", type=int, metavar="N", help="number of time steps, any if left out"
    )
    lite.add_argument("--streaming", choices=_words(STREAMING), help="signatures that read chunks")
    lite.add_argument(
        "--step-length", type=int, metavar="N", help="number of time steps of a chunk"
    )
    lite.add_argument(
        "--attach", action="append", default=[], metavar="FILE", help="file to attach; repeatable"
    )
    return parser


def _add_inspect(verbs: Any) -> _Parser:
    parser = verbs.add_parser("inspect", help="say what a TFLite file holds, and where it runs")
    parser.set_defaults(run=_inspect)
    parser.add_argument("file", metavar="FILE.tflite")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_bench(verbs: Any) -> _Parser:
    parser = verbs.add_parser("bench", help="time a TFLite file and measure its memory")
    parser.set_defaults(run=_bench)
    parser.add_argument("file", metavar="FILE.tflite")
    parser.add_argument("--runs", type=int, default=100, metavar="N", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="where it is open (1)")
    parser.add_argument("--length", type=int, metavar="N", help="where it is open (32)")
    parser.add_argument("--signature", metavar="NAME", help="(serving_default)")
    parser.add_argument(
        "--input", metavar="FILE.npz", help="arrays by input name; made up if left out"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _words(choices: Iterable[str | None]) -> list[str]:
    return [choice for choice in choices if choice is not None]
