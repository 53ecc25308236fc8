"""Puts a model and LiteRT.js beside the demo page: `make demo-page`."""

import argparse
import dataclasses
import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from keras_seq.command_line import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

with quiet():
    import tensorflow as tf

    from keras_seq.data import DataError, Tokenizer
    from keras_seq.export import ExportError, TFLiteReport, to_tflite
    from tasks.config import ConfigError
    from tasks.run_directory import MARKER, RunDirectory, RunError
    from tasks.runner import Runner
    from tasks.sentiment import LABELS, SAMPLES, Config, Sentiment

PAGE = Path(__file__).with_name("demo")
PACKAGES = Path(__file__).parents[1] / "tests_web" / "node_modules" / "@litertjs"
OWN_RUN = Path("runs/demo-page")
# What the page loads: with relaxed SIMD where the browser has it, without it elsewhere.
VENDOR = (
    "core/dist/index.js",
    "wasm-utils/dist/index.js",
    "core/wasm/litert_wasm_internal.js",
    "core/wasm/litert_wasm_internal.wasm",
    "core/wasm/litert_wasm_compat_internal.js",
    "core/wasm/litert_wasm_compat_internal.wasm",
)


def copy_vendor(packages: Path, page: Path) -> None:
    """Copies LiteRT.js from where npm has put it.

    Raises:
        FileNotFoundError: npm has not put it there.
    """
    for name in VENDOR:
        target = page / "vendor" / name.replace("dist/", "")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packages / name, target)


def own_config(task: Sentiment) -> Config:
    """The options of the model that is trained here.

    The page weighs a word by making it unknown. Without word dropout the model would never have
    seen an unknown word, and the weights would say nothing.
    """
    return dataclasses.replace(task.demo_config(), word_dropout=0.25, epochs=4)


def export(run: RunDirectory, path: Path, length: int | None) -> TFLiteReport:
    """Writes the model of a run as the page takes it: one text of a fixed length.

    Args:
        run: A run of the sentiment task.
        path: The .tflite to write.
        length: Tokens of a text; None for all that the model was trained on.
    """
    model, tokenizer = run.model(), Tokenizer.load(run.path)
    length = min(length or tokenizer.max_length, tokenizer.max_length)
    samples = tokenizer(tf.constant(run.read_json(SAMPLES)[:16]))
    return to_tflite(
        model,
        path,
        profile="portable",
        length=length,
        files={
            **tokenizer.files(),
            "labels.txt": "".join(f"{label}\n" for label in run.read_json(LABELS)),
        },
        check_inputs=[tokenizer.pad(samples, length)[0].numpy()],
    )


def main() -> int:
    """Runs the command line. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help=f"sentiment run ({OWN_RUN}, made if missing)")
    parser.add_argument("--length", type=int, default=200, help="words that are read (%(default)s)")
    options = parser.parse_args()

    console = Console()
    task = Sentiment()
    runner = Runner(task, options.run or OWN_RUN, console)
    try:
        copy_vendor(PACKAGES, PAGE)
        if options.run is None and not (OWN_RUN / MARKER).exists():
            console.rule("training a model on the built-in reviews")
            runner.train(own_config(task))
        runner.run.config()
        with console.status("exporting"):
            report = export(runner.run, PAGE / "model.tflite", options.length)
    except (ConfigError, DataError, ExportError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    console.print(
        f"docs/demo/model.tflite: {report.file.size / 1e3:,.0f} kB, at most "
        f"{report.comparison.difference:.1e} from the Keras model",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    console.print("serve the page: python -m http.server --directory docs/demo", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
