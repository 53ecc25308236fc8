"""The command line: `python -m tasks TASK VERB [options]`."""

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from keras_seq.command_line import quiet

# Before TensorFlow is imported: its start-up notes are no news to a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TASKS = {
    "sentiment": ("tasks.sentiment", "Sentiment", "label reviews, many to one"),
    "translation": ("tasks.translation", "Translation", "translate sentences, many to many"),
    "charlm": ("tasks.charlm", "LanguageModelling", "predict characters or words, step by step"),
    "frames": ("tasks.frames", "Frames", "label every frame of a video, aligned many to many"),
    "captioning": ("tasks.captioning", "Captioning", "describe images, one to many"),
}
# Options that `predict` of a task has of its own: here, for help must not wait for TensorFlow.
PREDICT: dict[str, dict[str, tuple[type, str]]] = {
    "translation": {
        "attention": (str, "picture to write of where each word looked (.png, .svg or .pdf)"),
        "width": (int, "of the beam; 1: greedy (default: the run's)"),
    },
    "charlm": {
        "prompt": (str, "a text to go on with, in place of inputs"),
        "length": (int, "symbols to write (200)"),
        "temperature": (float, "below 1 likely symbols get likelier; 0: the likeliest (0.8)"),
        "top_k": (int, "draw of so many of the likeliest symbols"),
        "top_p": (float, "draw of the likeliest symbols that have this probability together"),
        "seed": (int, "draw the same symbols each time"),
        "surprise": (str, "picture to write of how much the inputs, a text, surprise the model"),
    },
    "frames": {
        "timeline": (str, "picture to write of labels over time (.png, .svg or .pdf)"),
    },
    "captioning": {
        "attention": (str, "picture to write of where each word looked (.png, .svg or .pdf)"),
        "width": (int, "of the beam; 1: greedy (default: the run's)"),
        "temperature": (float, "draws words: 1 as likely as they are, below 1 rather likely ones"),
        "seed": (int, "draw the same words each time"),
    },
}

# What `predict` of a task takes, where it is not texts.
INPUTS = {
    "frames": "files (.csv, .npz) or folders; test:3 is the third test video of the run's data",
    "captioning": "picture files; of a run on features, names of images that they are of",
}

# Options of `export`, as in `keras_seq.export.TFLiteOptions`, which checks them.
EXPORT: dict[str, tuple[type, str]] = {
    "profile": (str, "of the .tflite: portable (default) or interpreter, any batch and length"),
    "mode": (str, "form of its recurrent layers: auto (default), loop, fused or unroll"),
    "quantize": (str, "how its numbers are rounded: float16, dynamic or int8 (default: not)"),
    "length": (int, "steps that it takes (default: of a portable one, the longest)"),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb of one task. Returns the exit status: 0, or 2 for input that cannot be used."""
    options = _parser().parse_args(arguments)

    with quiet():
        from rich.console import Console

        from keras_seq.data import DataError
        from keras_seq.export import ExportError
        from tasks.config import ConfigError
        from tasks.report import ReportError
        from tasks.run_directory import RunError

    console = Console()
    try:
        _run(options, console)
    except (ConfigError, DataError, ExportError, ReportError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = " Finished epochs are kept, --resume goes on." if options.verb == "train" else ""
        print(f"\nstopped.{kept}", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace, console: Any) -> None:
    from tasks import config as configs
    from tasks.exported import export_figures
    from tasks.runner import Runner, metrics_table

    module, class_name, _ = TASKS[options.task]
    task = getattr(importlib.import_module(module), class_name)()
    if options.verb == "options":
        console.print(configs.describe(task.config_type), highlight=False, markup=False)
        return
    runner = Runner(task, options.run, console)
    if options.verb == "train":
        settings = [f"data={options.data}"] if options.data else []
        settings += options.set
        if options.resume and settings:
            raise configs.ConfigError(
                "A resumed run keeps its configuration: leave --data and --set out, or train "
                "anew with another --run."
            )
        if options.resume:
            metrics = runner.resume()
        else:
            config = configs.override(task.config_type(), settings)
            metrics = runner.train(config, overwrite=options.overwrite)
        console.print(metrics_table(metrics))
    elif options.verb == "evaluate":
        console.print(metrics_table(runner.evaluate(options.data)))
    elif options.verb == "predict":
        own = PREDICT.get(options.task, {})
        chosen = {name: v for name in own if (v := getattr(options, name)) is not None}
        # A prompt stands for inputs: nothing is waited for.
        given = options.inputs or "prompt" in chosen
        runner.predict(_arguments(options.inputs) if given else _lines(sys.stdin), **chosen)
    elif options.verb == "export":
        folder = options.to or os.path.join("saved_models", options.task)
        chosen = {n: v for n in EXPORT if (v := getattr(options, n)) is not None}
        console.print(metrics_table(export_figures(runner.export(folder, **chosen))))
        console.print(f"exports: {folder}/", highlight=False)
    elif options.verb == "report":
        page = runner.report(options.to, options.export)
        console.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)
    elif options.verb == "demo":
        runner.demo(options.to or os.path.join("saved_models", options.task))


def _arguments(inputs: list[str]) -> Iterator[str]:
    # Bytes that are no UTF-8 reach Python as lone surrogates.
    return (_decoded(os.fsencode(text), f"input {n}") for n, text in enumerate(inputs, start=1))


def _lines(stream: Any) -> Iterator[str]:
    if stream.isatty():
        print("one input a line, end with Ctrl-D:", file=sys.stderr)
    for number, line in enumerate(stream.buffer, start=1):
        yield _decoded(line, f"standard input, line {number}").rstrip("\r\n")


def _decoded(text: bytes, place: str) -> str:
    from keras_seq.data import DataError

    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: invalid UTF-8 at byte {error.start + 1}. Convert the text to UTF-8 first."
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks", description="Sequence tasks, from data to a file for the phone."
    )
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    for name, (_, _, summary) in TASKS.items():
        verbs = tasks.add_parser(name, help=summary).add_subparsers(
            dest="verb", required=True, metavar="VERB"
        )
        run = argparse.ArgumentParser(add_help=False)
        run.add_argument("--run", default=f"runs/{name}", help="run directory (%(default)s)")

        train = verbs.add_parser("train", parents=[run], help="train, test and keep a model")
        train.add_argument("--data", help="source of the data, short for --set data=…")
        train.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help=f"set an option; `python -m tasks {name} options` lists them",
        )
        how = train.add_mutually_exclusive_group()
        how.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
        how.add_argument("--overwrite", action="store_true", help="replace the run of this folder")

        evaluate = verbs.add_parser("evaluate", parents=[run], help="test a trained model")
        evaluate.add_argument("--data", help="another source to test on")

        predict = verbs.add_parser("predict", parents=[run], help="apply a trained model")
        takes = f"{INPUTS.get(name, 'inputs')}; none: lines of standard input"
        predict.add_argument("inputs", nargs="*", help=takes)
        for option, (kind, help) in PREDICT.get(name, {}).items():
            predict.add_argument(f"--{option.replace('_', '-')}", type=kind, help=help)

        export = verbs.add_parser(
            "export", parents=[run], help="write a SavedModel and a TFLite file, values checked"
        )
        export.add_argument("--to", help=f"folder to write (saved_models/{name})")
        for option, (kind, help) in EXPORT.items():
            export.add_argument(f"--{option}", type=kind, help=help)

        report = verbs.add_parser("report", parents=[run], help="write a page on a trained model")
        report.add_argument("--to", help="page to write (report.html in the run directory)")
        report.add_argument("--export", help=f"folder of its export (saved_models/{name})")

        demo = verbs.add_parser("demo", help="all of it on built-in data")
        demo.add_argument("--run", default=f"runs/{name}-demo", help="run directory (%(default)s)")
        demo.add_argument("--to", help=f"folder to export to (saved_models/{name})")

        verbs.add_parser("options", help="list the options that --set takes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
