"""Recurrent layers by the names that options take."""

import pytest
from contract import CASES, RELATIVES

from keras_seq.layers import CellLayer, recurrent_layer, recurrent_layers


def test_every_layer_of_a_case_has_its_name():
    known = recurrent_layers()
    for case in [*CASES, *RELATIVES]:
        assert case.layer in known.values()
    assert {"lstm", "simple_rnn", "peephole_lstm", "mut1", "layer_norm_gru"} <= set(known)
    for name, kind in known.items():
        assert recurrent_layer(name) is kind


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(
        ValueError, match=r"no recurrent layer 'peephole'. Did you mean 'peephole_lstm'"
    ):
        recurrent_layer("peephole")
    with pytest.raises(ValueError, match=r"There are .*gru.*simple_rnn"):
        recurrent_layer("transformer")


def test_a_layer_of_ones_own_is_known():
    from keras_seq.cells import GRUCell

    class Homemade(CellLayer):
        cell_class = GRUCell

    assert recurrent_layer("homemade") is Homemade
