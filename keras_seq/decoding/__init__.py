"""Decoding: from one step of a model to the sequences that it finds most likely, or draws."""

from keras_seq.decoding.beam import Beam, beam_search
from keras_seq.decoding.found import Found
from keras_seq.decoding.greedy import Greedy, greedy_search
from keras_seq.decoding.logits import restrict
from keras_seq.decoding.rows import repeat_rows
from keras_seq.decoding.sampling import Sampling, sample
from keras_seq.decoding.search import Search

__all__ = [
    "Beam",
    "Found",
    "Greedy",
    "Sampling",
    "Search",
    "beam_search",
    "greedy_search",
    "repeat_rows",
    "restrict",
    "sample",
]
