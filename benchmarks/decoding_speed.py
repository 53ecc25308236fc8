"""Beam search in the graph beside one in Python around a compiled step.

Run as `python -m benchmarks.decoding_speed`, with `--run runs/…` for the model and the sentences of
a run of the translation task. Both searches must find the same tokens, or nothing is written.
"""

import argparse
import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks.beam_in_python import BeamInPython
from benchmarks.measure import _resident, in_own_process, warn_if_busy
from benchmarks.results import table, write_section
from keras_seq.data import TextCodec, load_pairs
from keras_seq.decoding import Beam
from keras_seq.models import BahdanauDecoder, RecurrentEncoder, Seq2Seq
from tasks.run_directory import RunDirectory
from tasks.translation import Config

WIDTH, PENALTY = 5, 1.0
SYSTEMS = {"graph": "keras_seq, in the graph", "python": "Python loop, compiled step"}
BATCHES = (32, 1)
MEMORY_BATCH = 32
MOMENTS = (0.1, 0.5, 1.0)  # shares of the sentences after which memory is read
Search = Callable[[tf.Tensor], np.ndarray]


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        run: A run of the translation task; None: a model of the default size, not trained.
        sentences: How many are translated at each size of a batch.
        turns: How often each batch is translated; the fastest counts.
        memory_sentences: How many are translated while memory is watched.
        units: Of the model that is not trained.
        vocabulary: Of it.
        max_length: The most tokens of a target; of a run, what it was trained with.
    """

    run: str | None = None
    sentences: int = 640
    turns: int = 3
    memory_sentences: int = 10_016  # 313 batches
    units: int = Config.units
    vocabulary: int = Config.vocabulary_size
    max_length: int = Config.max_length


class EndingDecoder(BahdanauDecoder):
    """A decoder that ends about where the source does, whatever its weights are.

    What an untrained model finds never ends, or at once. Here the end is as likely as the likeliest
    other token after as many tokens as the source has, and less likely before, more likely after.
    """

    end, slope = 3, 1.0

    def initial_state(self, memory, length):
        """With the number of tokens to come."""
        mask = memory["attention"].mask
        left = ops.sum(ops.cast(mask, "float32"), axis=1)
        return {**super().initial_state(memory, length), "left": left}

    def advance(self, y, state, memory, kept=()):
        """See `BahdanauDecoder`."""
        features, after = super().advance(y, state, memory, kept)
        return features, {**after, "left": state["left"] - 1}

    def step(self, token, state, memory):
        """See `EndingDecoder`."""
        logits, after = super().step(token, state, memory)
        end = ops.max(logits, axis=-1) - self.slope * state["left"]
        is_end = ops.expand_dims(ops.arange(logits.shape[-1]) == self.end, 0)
        return ops.where(is_end, ops.expand_dims(end, 1), logits), after


@functools.cache
def model_and_ids(settings: Settings) -> tuple[Seq2Seq, tf.RaggedTensor, int]:
    """The model, the ids of its sentences, and the most tokens of a target."""
    if settings.run:
        run = RunDirectory(settings.run, "translation")
        config = run.config()
        texts = load_pairs(config["data"], reverse=config["reverse"], seed=config["seed"])
        ids = TextCodec.load(run.path, "source").encode(texts.train.sources)
        return run.model(), ids[:, : config["max_length"]], config["max_length"]
    keras.utils.set_random_seed(0)
    size, units, width = settings.vocabulary, settings.units, Config.embedding_units
    encoder = RecurrentEncoder(
        size, units // 2, cell="gru", bidirectional=True, embedding_units=width
    )
    model = Seq2Seq(encoder, EndingDecoder(size, units, embedding_units=width))
    model.build()
    random = np.random.default_rng(0)
    # Some tokens are much likelier than others, as in a language.
    model.decoder.bias.assign(random.normal(scale=2, size=size))
    longest = max(settings.max_length // 2, 5)
    lengths = np.clip(random.normal(14, 4, settings.memory_sentences), 4, longest).astype(int)
    ids = random.integers(4, size, lengths.sum()).astype("int32")
    return model, tf.RaggedTensor.from_row_lengths(ids, lengths), settings.max_length


def batches(ids: tf.RaggedTensor, count: int, size: int) -> list[tf.Tensor]:
    """Full batches of so many of the sentences, in turns if there are fewer; alike in length."""
    rows = np.arange(max(count // size, 1) * size) % int(ids.nrows())
    chosen = tf.gather(ids, rows)
    by_length = tf.gather(chosen, tf.argsort(chosen.row_lengths(), stable=True))
    parts = (by_length[n : n + size] for n in range(0, len(rows), size))
    return [tf.cast(part.to_tensor(), tf.int32) for part in parts]


def search(system: str, model: Seq2Seq, max_length: int) -> Search:
    """From ids (B, S) to the tokens found, (B, L)."""
    if system == "python":
        return BeamInPython(model, width=WIDTH, length_penalty=PENALTY, max_length=max_length)
    beam = Beam(WIDTH, length_penalty=PENALTY)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
    def in_graph(ids):
        return model.decode(ids, beam, max_length=max_length).tokens[:, 0]

    return lambda ids: in_graph(ids).numpy()


@dataclass(frozen=True)
class Speed:
    """Of one size of a batch.

    Attributes:
        batch: The size.
        seconds: Of all batches, by system.
        sentences: How many.
        tokens: Found for a sentence, in the mean.
    """

    batch: int
    seconds: dict[str, float]
    sentences: int
    tokens: float


def speed(settings: Settings, batch: int) -> Speed:
    """Times both on the same batches, in turns; the fastest of the turns of each batch counts."""
    model, ids, max_length = model_and_ids(settings)
    parts = batches(ids, settings.sentences, batch)
    searches = {system: search(system, model, max_length) for system in SYSTEMS}
    for one in searches.values():  # traced for sizes of all kinds
        for part in (parts[0], parts[-1]):
            one(part)
    seconds, tokens = dict.fromkeys(SYSTEMS, 0.0), 0
    for number, part in enumerate(parts):
        best, found = dict.fromkeys(SYSTEMS, math.inf), {}
        for turn in range(settings.turns):
            for system in list(SYSTEMS)[:: 1 if (number + turn) % 2 else -1]:
                started = time.perf_counter()
                found[system] = searches[system](part)
                best[system] = min(best[system], time.perf_counter() - started)
        np.testing.assert_array_equal(found["python"], found["graph"], "other tokens were found")
        tokens += int((found["graph"] != 0).sum())
        seconds = {system: seconds[system] + best[system] for system in SYSTEMS}
    count = len(parts) * batch
    return Speed(batch, seconds, count, tokens / count)


def memory(system: str, settings: Settings) -> list[float]:
    """MiB of the process after some shares of the sentences."""
    model, ids, max_length = model_and_ids(settings)
    parts = batches(ids, settings.memory_sentences, MEMORY_BATCH)
    order = np.random.default_rng(0).permutation(len(parts))
    one, found = search(system, model, max_length), []
    moments = [max(round(share * len(parts)), 1) for share in MOMENTS]
    for number, place in enumerate(order, start=1):
        one(parts[place])
        found += [_resident("VmRSS") / 1024] * moments.count(number)
    return found


def report(settings: Settings, speeds: Sequence[Speed], memories: dict[str, list[float]]) -> str:
    """The section."""
    about = (
        "the model of a run of the translation task, on sentences of its data"
        if settings.run
        else f"an untrained model of the translation task's default kind, {settings.units} units "
        f"and {settings.vocabulary:,} pieces, on random sentences, that is made to end about where "
        "the source does"
    )
    rows = [
        [
            s.batch,
            f"{s.tokens:.1f}",
            *(f"{s.sentences / s.seconds[system]:.1f}" for system in SYSTEMS),
            f"{s.seconds['python'] / s.seconds['graph']:.2f}",
        ]
        for s in speeds
    ]
    read = [max(round(share * (settings.memory_sentences // MEMORY_BATCH)), 1) for share in MOMENTS]
    counts = [f"{MEMORY_BATCH * batches:,} sentences" for batches in read]
    return (
        f"Beam {WIDTH}, length penalty {PENALTY:g}: {about}. Batches hold sentences of about one "
        "length. The systems take turns on each batch in one process, the fastest of "
        f"{settings.turns} counts, tracing not; both found the same tokens. The peer, "
        "`benchmarks/beam_in_python.py`, keeps its beam in NumPy around one compiled step.\n\n"
        + table(
            ["batch", "tokens found", *(f"{s}, sentences/s" for s in SYSTEMS.values()), "ratio"],
            rows,
        )
        + f"\n\nMiB of a process of its own (resident set), batch {MEMORY_BATCH}, after\n\n"
        + table(
            ["system", *counts],
            [[SYSTEMS[s], *(f"{m:,.0f}" for m in memories[s])] for s in SYSTEMS],
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes the section."""
    default: Any = Settings()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="a run of the translation task")
    for name in ("sentences", "turns", "memory_sentences", "units", "vocabulary", "max_length"):
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=getattr(default, name))
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = vars(parser.parse_args(arguments))
    dry_run = options.pop("dry_run")
    settings = Settings(**options)
    warn_if_busy()
    memories = {system: in_own_process(memory, system, settings) for system in SYSTEMS}
    speeds = [speed(settings, batch) for batch in BATCHES]
    body = report(settings, speeds, memories)
    if dry_run:
        print(body)
        return
    changed = {n: v for n, v in options.items() if v != getattr(default, n)}
    words = "".join(f" --{n.replace('_', '-')} {v}" for n, v in changed.items())
    write_section("Decoding speed", f"python -m benchmarks.decoding_speed{words}", body)


if __name__ == "__main__":
    main()
