"""The options of the captioning task."""

import dataclasses

from tasks.config import ConfigError, TaskConfig, option

BUILTIN, CNN, FEATURES = "builtin", "cnn", "features"


@dataclasses.dataclass(frozen=True)
class Config(TaskConfig):
    """Options of the captioning task."""

    data: str = option(
        "builtin",
        "builtin, or a folder with captions.csv (image, caption) and Images/, as Flickr8k's",
    )
    features: str = option("", "file (.npz: names, features) that is read in place of the pictures")
    bad_pictures: str = option("refuse", "what becomes of files that are no pictures: refuse, skip")
    unmatched: str = option(
        "skip", "what becomes of captions without image and the like: skip, refuse"
    )
    image_size: int = option(
        0, "side that pictures are brought to; 0: 32 if builtin, 64 for the cnn, else 224"
    )
    encoder: str = option("cnn", "cnn, features, or the name of a network of keras.applications")
    weights: str = option("imagenet", "of such a network: imagenet, a file (.h5, .keras), or none")
    fine_tune: bool = option(False, "whether such a network is trained too")
    filters: tuple[int, ...] = option((32, 64, 128), "of each convolution of the cnn")
    encoder_units: int = option(128, "width of what is seen at each place of an image")
    decoder: str = option("attention", "attention (Show, Attend and Tell) or initial_state")
    cell: str = option("lstm", "recurrent layer of the decoder: lstm, gru, …")
    units: int = option(128, "size of the decoder's states")
    layers: int = option(1, "recurrent layers of the decoder")
    embedding_units: int = option(64, "width of the word vectors")
    attention_penalty: float = option(0.0, "how much it costs to leave places unlooked at")
    vocabulary_size: int = option(10_000, "words kept, the most frequent of the training captions")
    min_count: int = option(1, "words seen less often in training are unknown")
    max_length: int = option(24, "most words of a caption, its end counted; longer: not trained on")
    dropout: float = option(0.1, "rate, in encoder and decoder")
    label_smoothing: float = option(0.0, "share of the loss that goes to all words alike")
    batch_size: int = option(64, "captions in a batch")
    epochs: int = option(9, "passes over the training captions")
    learning_rate: float = option(3e-3, "of Adam after warming up; it falls to zero along a cosine")
    warmup_steps: int = option(50, "steps in which the learning rate rises from zero")
    averaging: float = option(0.98, "momentum of the average of the weights; 0: no average")
    beam_width: int = option(3, "hypotheses followed at a test; 1: greedy")
    length_penalty: float = option(1.0, "exponent by which the beam favours longer captions")

    def __post_init__(self) -> None:
        super().__post_init__()
        # What the data, the model and the codec check themselves is left to them.
        rates = ("dropout", "label_smoothing", "averaging")
        sizes = ("encoder_units", "units", "embedding_units", "batch_size", "beam_width")
        self.check(
            image_size=(self.image_size >= 0, "at least 1, or 0 to leave it to the data"),
            length_penalty=(0 <= self.length_penalty < 10, "at least 0 and below 10"),
            learning_rate=(0 < self.learning_rate < 10, "a number above 0 and below 10"),
            warmup_steps=(self.warmup_steps >= 0, "at least 0"),
            max_length=(self.max_length >= 2, "at least 2"),
            **{size: (getattr(self, size) >= 1, "at least 1") for size in sizes},
            **{rate: (0 <= getattr(self, rate) < 1, "in [0, 1)") for rate in rates},
        )
        if bool(self.features) != (self.encoder == FEATURES):
            raise ConfigError(
                "Features are read by the encoder for them, and by no other: give both --set "
                f"encoder={FEATURES} and --set features=FILE.npz, or neither."
            )
        network = self.encoder not in (CNN, FEATURES)
        if not network and (self.weights != "imagenet" or self.fine_tune):
            raise ConfigError(
                "weights and fine_tune are those of a network of keras.applications, and "
                f"encoder={self.encoder} is none: leave them out, or name a network."
            )
        if network and self.weights == "none" and not self.fine_tune:
            raise ConfigError(
                "A network without weights has to be trained, or it tells nothing of a picture: "
                "add --set fine_tune=true, or give weights."
            )
