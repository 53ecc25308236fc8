"""What exports of a sentiment model lose: accuracy on all test texts, size, latency.

Run as `python -m benchmarks.imdb_export --run runs/imdb`, with the dataset where TFDS_DATA_DIR
says. Calibration takes training texts alone. Finished systems are kept in `runs/imdb_export`, so
that a run that was stopped goes on; the portable files are timed at the end, in turns.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from benchmarks.journal import Journal
from benchmarks.results import table, write_section
from benchmarks.tflite_systems import in_turns
from keras_seq.export import to_saved_model, to_tflite
from keras_seq.export.runtime import SavedModel, TFLiteModel
from tasks.config import read
from tasks.run_directory import RunDirectory
from tasks.sentiment import Config, Sentiment

QUANTIZATIONS = {"float32": None, "float16": "float16", "dynamic": "dynamic", "int8": "int8"}
SYSTEMS = ("Keras", "SavedModel", *QUANTIZATIONS)
CACHE = Path("runs/imdb_export")
PORTABLE = 500  # texts that the portable files read
POINTS, SHARE = 0.3, 0.30  # what int8 may lose, and how much of the float file's size it may have
Run = Callable[[np.ndarray], np.ndarray]


class Part(NamedTuple):
    """Texts as ids, in batches of one length each, and their labels in the same order."""

    ids: list[np.ndarray]
    labels: np.ndarray

    @classmethod
    def of(cls, batches: tf.data.Dataset) -> "Part":
        """Reads batches of (ids, labels)."""
        ids, labels = zip(*batches.as_numpy_iterator(), strict=True)
        return cls([*ids], np.concatenate(labels))

    def probabilities(self, run: Run) -> np.ndarray:
        """What a system gives for every text, (texts, classes)."""
        return np.concatenate([run(batch) for batch in self.ids])

    def some(self, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of texts of all lengths, and their ids padded to one length."""
        rows = [np.pad(row, (0, length - row.size)) for batch in self.ids for row in batch]
        numbers = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
        return numbers, np.stack([rows[number] for number in numbers])


def measure(
    run: RunDirectory, config: Config, part: Part, training: tf.data.Dataset, folder: Path
) -> dict[str, dict[str, Any]]:
    """Figures of every system.

    Args:
        run: The run whose model is exported.
        config: Its options.
        part: Test texts.
        training: Batches of training texts, for calibration.
        folder: For what is finished.
    """
    digest = hashlib.sha256((run / "model.keras").read_bytes()).hexdigest()[:16]
    folder = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "journal.jsonl")
    model, found = run.model(), {}
    for system in SYSTEMS:
        settings = {"texts": len(part.labels), "system": system}
        if (result := journal.find(settings)) is None:
            result = _measured(model, system, folder, config, part, training)
            journal.add(settings, result)
        found[system] = result
        print(f"{system}: {result['accuracy']:.4f}, {result['seconds']:.0f} s", flush=True)
    files = {system: folder / f"{system}.tflite" for system in found if system in QUANTIZATIONS}
    _, ids = part.some(1, config.max_length)
    for system, times in in_turns(files, ids, turns=20, within=1.0).items():
        found[system]["ms"] = times.median
    return found


def _measured(model, system, folder, config, part, training) -> dict[str, Any]:
    """Accuracy on all texts; of a .tflite also how far the portable file is from the other."""
    result: dict[str, Any] = {}
    options = {
        "quantize": QUANTIZATIONS.get(system),
        "representative_data": training,
        # Ids drawn at random are no text, and int8 is fitted to texts.
        "check_inputs": [ids[:4] for ids, _ in training.take(1).as_numpy_iterator()],
    }
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "export")
        if system == "Keras":
            run = _keras(model)
        elif system == "SavedModel":
            to_saved_model(model, path)
            files = [file for file in path.rglob("*") if file.is_file()]
            result["bytes"] = sum(file.stat().st_size for file in files)
            run = _first(SavedModel(path), model)
        else:
            result["bytes"] = to_tflite(model, path, **options).file.size
            run = _first(TFLiteModel(path, threads=2), model)
        start = time.perf_counter()
        probabilities = part.probabilities(run)
        result["seconds"] = time.perf_counter() - start
    result["accuracy"] = float(np.mean(probabilities.argmax(-1) == part.labels))
    if system in QUANTIZATIONS:
        path = folder / f"{system}.tflite"
        length = config.max_length
        result["portable_bytes"] = to_tflite(
            model, path, profile="portable", length=length, **options
        ).file.size
        numbers, ids = part.some(PORTABLE, length)
        run = _first(TFLiteModel(path), model)
        ours, others = probabilities[numbers], np.concatenate([run(row[None]) for row in ids])
        result |= {
            "portable_texts": len(numbers),
            "portable_agrees": float(np.mean(others.argmax(-1) == ours.argmax(-1))),
            "portable_mean": float(np.abs(others - ours).mean()),
        }
    return result


def _keras(model: keras.Model) -> Run:
    function = tf.function(
        lambda ids: model(ids, training=False),
        input_signature=[tf.TensorSpec((None, None), tf.int32)],
    )
    return lambda ids: function(ids).numpy()


def _first(exported: Any, model: keras.Model) -> Run:
    name = _name(model)
    return lambda ids: next(iter(exported({name: ids}).values()))


def _name(model: keras.Model) -> str:
    return model.inputs[0].name


def verdict(found: dict[str, dict[str, Any]]) -> str:
    """Whether int8 is as near and as small as it is to be."""
    int8, whole = found["int8"], found["float32"]
    lost = 100 * (found["Keras"]["accuracy"] - int8["accuracy"])
    share = int8["bytes"] / whole["bytes"]
    reached = lost <= POINTS and share <= SHARE
    return (
        f"int8 is to lose at most {POINTS} points to Keras and to take at most {SHARE:.0%} of the "
        f"float file: {lost:+.2f} points, {share:.0%}: **{'reached' if reached else 'missed'}**."
    )


def report(found: dict[str, dict[str, Any]], config: Config, texts: int) -> str:
    """The section."""
    rows = []
    for system, result in found.items():
        row = [f"TFLite {system}" if system in QUANTIZATIONS else system]
        row += [f"{result['accuracy']:.4f}"]
        row += [f"{100 * (result['accuracy'] - found['Keras']['accuracy']):+.2f}"]
        row += [f"{result['bytes'] / 1e6:.2f}" if "bytes" in result else "–"]
        row += [f"{result['seconds']:.0f}"]
        if "ms" in result:
            row += [
                f"{result['portable_bytes'] / 1e6:.2f}",
                f"{result['ms']:.1f}",
                f"{result['portable_agrees']:.1%} ({result['portable_mean']:.0e})",
            ]
        else:
            row += ["–"] * 3
        rows.append(row)
    header = [
        "system",
        "test accuracy",
        "points to Keras",
        "MB",
        f"seconds for {texts:,} texts",
        "portable file, MB",
        "milliseconds of a text",
        "same label as the other file (mean difference)",
    ]
    some = next(r["portable_texts"] for r in found.values() if "portable_texts" in r)
    return (
        f"The model of a sentiment run on `{config.data}`, read from batches of test texts by "
        "files that take any batch and length (two threads), after calibration on 256 training "
        f"texts for int8. The portable file takes one text, padded to {config.max_length} tokens, "
        f"in one thread; it read {some} of the texts, of all lengths.\n\n{verdict(found)}\n\n"
        f"{table(header, rows)}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what is not there yet, then writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/imdb"), help="run (%(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args(arguments)
    run = RunDirectory(options.run, Sentiment.name, Sentiment.files)
    config = read(Config, run.config())
    data = Sentiment().load(config, run)
    part = Part.of(data.test())
    found = measure(run, config, part, data.train(0), options.cache)
    body = report(found, config, len(part.labels))
    if options.dry_run:
        print(body)
    else:
        write_section("Exports of the sentiment model", "make bench-imdb-export", body)


if __name__ == "__main__":
    main()
