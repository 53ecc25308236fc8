"""Language models of characters or words: the next step of a sequence."""

import dataclasses
import functools
import itertools
import math
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seq.data import DataError, LanguageTexts, Symbols, load_language, n_gram_loss
from keras_seq.export import TFLiteOptions, export_all
from keras_seq.inspect import pieces_with_room, plot_surprise
from keras_seq.models import LanguageModel
from tasks import report_charlm
from tasks.charlm_data import CALIBRATION, FILES, SAMPLES, LanguageData
from tasks.charlm_predict import DRAWN, Request
from tasks.config import TaskConfig, option
from tasks.run_directory import RunDirectory
from tasks.sample_from_file import drawn_ids
from tasks.task import Task
from tasks.writer import Samples, Writer, surprises

# Of each level what is counted beside the loss.
MEASURES = {"characters": "bits_per_character", "words": "perplexity"}
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adagrad": keras.optimizers.Adagrad,
    "sgd": keras.optimizers.SGD,
}
DECAYS = ("cosine", "constant")
_GREEDY = 200  # symbols that an export and the model write, to be compared


@dataclasses.dataclass(frozen=True)
class Config(TaskConfig):
    """Options of the language model task."""

    data: str = option("builtin", "builtin, a text file, a folder, FOLDER/NAME, or tfds:NAME")
    builtin_characters: int = option(1_000_000, "most characters of builtin that are read")
    level: str = option("characters", "what is predicted: characters or words")
    vocabulary_size: int = option(10_000, "symbols kept, the most frequent of the training text")
    cell: str = option("lstm", "recurrent layer: lstm, gru, … (a wrong name lists them)")
    units: int = option(256, "size of the state of each layer")
    layers: int = option(1, "recurrent layers on one another")
    embedding_units: int = option(64, "width of the symbols' vectors; 0: one-hot input")
    tied: bool = option(False, "whether the logits share the matrix of the symbols' vectors")
    dropout: float = option(0.1, "rate between layers and before the logits")
    embedding_dropout: float = option(0.0, "rate on the symbols' vectors")
    length: int = option(25, "steps of a chunk, over which gradients go back")
    loss_steps: int = option(0, "how many of a chunk's last steps count in training; 0: all")
    batch_size: int = option(32, "parallel streams that the training text is read in")
    epochs: int = option(3, "passes over the training text")
    optimizer: str = option("adam", "adam, adagrad or sgd")
    learning_rate: float = option(2e-3, "at the start; for adagrad rather 0.1")
    decay: str = option("cosine", "of the learning rate: cosine, to zero, or constant")
    clip_norm: float = option(1.0, "largest norm of the whole gradient; 0: any")
    averaging: float = option(0.0, "momentum of the average of the weights; 0: no average")
    test_streams: int = option(1, "parallel streams of a test; 1 reads the text as it is")
    sample_length: int = option(200, "symbols of a sample after each epoch; 0: none")
    sample_every: int = option(0, "steps between further samples within an epoch; 0: none")

    def __post_init__(self) -> None:
        super().__post_init__()
        # What the model and the symbols check themselves is left to them.
        rates = ("dropout", "embedding_dropout", "averaging")
        sizes = ("builtin_characters", "units", "length", "batch_size", "test_streams")
        self.check(
            level=(self.level in MEASURES, " or ".join(MEASURES)),
            optimizer=(self.optimizer in OPTIMIZERS, " or ".join(OPTIMIZERS)),
            decay=(self.decay in DECAYS, " or ".join(DECAYS)),
            learning_rate=(0 < self.learning_rate < 100, "a number above 0 and below 100"),
            clip_norm=(0 <= self.clip_norm < math.inf, "a number of at least 0; 0: any norm"),
            loss_steps=(0 <= self.loss_steps <= self.length, f"0 to length ({self.length})"),
            vocabulary_size=(self.vocabulary_size >= 2, "at least 2"),
            sample_length=(self.sample_length >= 0, "at least 0"),
            sample_every=(self.sample_every >= 0, "at least 0"),
            **{size: (getattr(self, size) >= 1, "at least 1") for size in sizes},
            **{rate: (0 <= getattr(self, rate) < 1, "in [0, 1)") for rate in rates},
        )


class LanguageModelling(Task):
    """Predicts the next symbol of a text, and writes texts so."""

    name = "charlm"
    config_type = Config
    files = FILES
    monitor = "val_loss"
    demo_inputs = ("def ", "import ", "class ")
    axis_labels: ClassVar = {
        "loss": "loss (nats per symbol)",
        "bits_per_character": "bits per character",
        "perplexity": "perplexity",
    }

    def load(self, config, run=None, *, test_only=False):
        """See `Task`."""
        texts = load_language(config.data, characters=config.builtin_characters, seed=config.seed)
        if test_only:
            whole = texts if texts.own_test_part else texts.all_for_testing()
            texts = LanguageTexts(texts.name, "", "", whole.test, texts.own_test_part)
        if run is not None:
            return LanguageData(config, texts, Symbols.load(run.path))
        fit = functools.partial(Symbols.fit, texts.train, config.level, size=config.vocabulary_size)
        symbols = fit()
        if not symbols.unknown and symbols.others(texts.validation + texts.test):
            symbols = fit(unknown=True)
        data = LanguageData(config, texts, symbols)
        data.check()
        return data

    def build(self, config, data):
        """See `Task`."""
        model = LanguageModel(
            len(data.symbols),
            cell=config.cell,
            units=config.units,
            layers=config.layers,
            embedding_units=config.embedding_units,
            tied=config.tied,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            loss_steps=config.loss_steps,
            streams=max(config.batch_size, config.test_streams),
            measure=MEASURES[config.level],
            seed=config.seed,
        )
        model.build()
        rate: Any = config.learning_rate
        if config.decay == "cosine":
            steps = int(data.train(0).cardinality()) * config.epochs
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        average = {"use_ema": True, "ema_momentum": config.averaging} if config.averaging else {}
        make = OPTIMIZERS[config.optimizer]
        self.compile(model, config, make(rate, global_clipnorm=config.clip_norm or None, **average))
        return model

    def compile(self, model, config, optimizer=None):
        """See `Task`: the model knows its loss."""
        model.compile(optimizer=optimizer or "adam")

    def callbacks(self, data, console):
        """Samples, after each epoch and within."""
        config = data.config
        if not config.sample_length:
            return ()
        sizes = {"length": config.sample_length, "every": config.sample_every}
        return (Samples(data.symbols, console, seed=config.seed, **sizes),)

    def predict(self, run, inputs: Iterable[str], **options) -> Iterator[str]:
        """What may follow each input, in pieces as they are drawn; or how it surprises the model.

        Args:
            run: The run.
            inputs: Texts to go on with; with `surprise`, the lines of one text.
            options: See `tasks.charlm_predict.Request`.
        """
        request = Request(**options)
        run.read_json(SAMPLES)  # says what to do where the run is not finished
        symbols = Symbols.load(run.path)
        first = [] if request.prompt is None else [request.prompt]
        prompts = itertools.chain(first, inputs)
        if request.surprise is not None:
            yield from _surprise(run, symbols, "\n".join(prompts), Path(request.surprise))
            return
        model = writer = None
        for number, prompt in enumerate(prompts, start=1):
            _tell_unknown(symbols, prompt, f"prompt {number}")
            if writer is None:
                model = run.model()
                names = ("temperature", "top_k", "top_p")
                writer = Writer(model, symbols, **{n: getattr(request, n) for n in names})
            yield prompt
            yield from writer(prompt, request.length, request.seed)
            yield "\n"

    def show(self, console, line):
        """Writes what `predict` gives as it is, at once."""
        encoding = getattr(console.file, "encoding", None) or "utf-8"
        console.file.write(line.encode(encoding, errors="replace").decode(encoding))
        console.file.flush()

    def export(self, run, folder: Path, on_stage, options: TFLiteOptions):
        """See `Task`: whole sequences, and a signature `step` for writing."""
        options = dataclasses.replace(options, streaming="step")
        if options.profile == "portable" and options.length is None:
            options = dataclasses.replace(options, length=run.config()["length"])
        if options.quantize == "int8":
            rows = np.array(run.read_json(CALIBRATION), "int32")
            options = dataclasses.replace(options, representative_data=[rows])
        symbols, samples = Symbols.load(run.path), np.array(run.read_json(SAMPLES), "int32")
        model = run.model()
        ids = keras.Input((None,), dtype="int32", name="ids")
        return export_all(
            keras.Model(ids, model(ids), name="language_model"),
            folder,
            check_inputs=[samples],
            tflite=options,
            measure=functools.partial(_written, model, symbols),
            output_name="logits",
            files=symbols.files(),
            on_stage=on_stage,
        )

    def report_parts(self, run, data, model):
        """See `Task`."""
        return report_charlm.sections(data, model)

    def demo_config(self):
        """Small enough for two cores and about a minute."""
        return Config(length=50, epochs=4, learning_rate=4e-3, dropout=0.0)

    def baselines(self, data):
        """See `Task`: what counts of single symbols, of pairs and of longer sequences reach."""
        train, test, size = data.ids("train"), data.ids("test"), len(data.symbols)
        measure = MEASURES[data.symbols.level]
        longest = 5 if size**5 < 2**63 else 3
        names = {1: "unigrams", 2: "bigrams", longest: f"up_to_{longest}_grams"}
        return {
            f"{name}_test_{measure}": report_charlm.measured(
                n_gram_loss(train, test, order, size), measure
            )
            for order, name in names.items()
        }


def _tell_unknown(symbols: Symbols, text: str, place: str) -> None:
    """Says which symbols of a text are unknown.

    Raises:
        DataError: The model cannot read them.
    """
    if not (others := symbols.others(text)):
        return
    if not symbols.unknown:
        try:
            symbols.encode(text)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
    shown = ", ".join(map(repr, others[:10])) + (", …" if len(others) > 10 else "")
    print(f"{place}: {shown} read as the unknown symbol", file=sys.stderr)


def _surprise(run: RunDirectory, symbols: Symbols, text: str, path: Path) -> Iterator[str]:
    """Draws how much a text surprises the run's model, and tells the mean."""
    _tell_unknown(symbols, text, "--surprise")
    ids = symbols.encode(text)
    if not len(ids):
        raise DataError("There is no text to draw: give one as an input.")
    bits = surprises(run.model(), np.array([symbols.start, *ids]))
    pieces = list(symbols.pieces(ids[:DRAWN]))
    drawn = pieces_with_room(pieces)
    figure = plot_surprise(pieces[:drawn], bits[:drawn])
    figure.savefig(path, dpi=150)
    unit = symbols.level.removesuffix("s")
    read = f"{len(ids):,} {symbols.level}"
    read += f", the first {drawn:,} drawn" if drawn < len(ids) else ""
    yield f"surprise: {path}  {bits.mean():.3f} bits per {unit}, {read}\n"


def _written(model: LanguageModel, symbols: Symbols, run: Any) -> dict[str, Any]:
    """What the .tflite alone writes, always the likeliest symbol, beside what the model writes."""
    states = {
        name: np.zeros(state.shape, "float32") for name, state in model.initial_states(1).items()
    }
    unknown, started = 0 if symbols.unknown else None, time.perf_counter()
    step = run.signature("step")
    ids = drawn_ids(step, states, [symbols.start], _GREEDY, temperature=0, unknown=unknown)
    found = list(symbols.pieces(ids))
    seconds = time.perf_counter() - started
    wanted = list(Writer(model, symbols, temperature=0)("", _GREEDY))
    return {
        "symbols_written_by_the_tflite": _GREEDY,
        "the_same_as_by_keras": sum(a == b for a, b in zip(found, wanted, strict=True)),
        "milliseconds_a_symbol": 1000 * seconds / _GREEDY,
    }
