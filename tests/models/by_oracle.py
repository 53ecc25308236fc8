"""Encoders and decoders of `pairs` by the oracle, with weights read from the layers."""

from functools import partial

from layers.attending import array, expected_of, kernel
from oracle import attention as attention_oracle
from oracle import cells as cell_oracle
from oracle import decoders as oracle
from oracle import relatives

from keras_seq.models import (
    BahdanauDecoder,
    ChoDecoder,
    LuongDecoder,
    ShowAttendTellDecoder,
    SutskeverDecoder,
    TransformerDecoder,
    TransformerEncoder,
)


def _dense(layer):
    return kernel(layer), array(layer.bias)


def step_of(layer):
    """The oracle's step with the weights of a recurrent layer."""
    cell = layer.cell
    weights = {"kernel": cell.kernel, "recurrent": cell.recurrent_kernel, "bias": cell.bias}
    kind = type(cell).__name__
    if kind == "PeepholeLSTMCell":
        weights["peephole"] = cell.peephole_kernel
    steps = {"GRUCell": cell_oracle.gru, "LSTMCell": cell_oracle.lstm}
    step = steps.get(kind) or partial(relatives.odyssey, "V")
    return partial(step, **{name: array(weight) for name, weight in weights.items()})


def expected_encoding(encoder, ids):
    """The oracle's values (n, D) and states of one row, from the ids without padding."""
    if isinstance(encoder, TransformerEncoder):
        parts = [_transformer_block(block) for block in encoder.blocks]
        weights = _transformer_weights(encoder)
        return oracle.transformer(ids, parts, weights, encoder.normalization), []
    directions, widths = [], []
    for layer in encoder.recurrent_layers:
        both = [layer.forward_layer, layer.backward_layer] if encoder.bidirectional else [layer]
        directions.append([step_of(one) for one in both])
        widths.append([encoder.units] * len(both[0].cell.states))
    table = array(encoder.embedding.embeddings)
    return oracle.encode(ids, table, directions, widths, encoder.reverse)


def expected_logits(pair, ids, tokens):
    """The oracle's logits (T, V), and attention weights (T, n) or None, of one row."""
    encoder, decoder = pair
    values, finals = expected_encoding(encoder, ids)
    if isinstance(decoder, TransformerDecoder):
        return _of_transformer(decoder, values, tokens), None
    source = finals[-1][0] if finals else values.mean(0)
    sources = finals or [[source]]
    weights = _decoder_weights(decoder)
    widths = [[decoder.units] * len(layer.cell.states) for layer in decoder.recurrent_layers]
    if isinstance(decoder, ChoDecoder):
        weights["summary"] = kernel(decoder.summary)
        summary = oracle.summary_of(source, weights)
        first = oracle.first_states([[summary]], widths, weights)
        return oracle.cho(tokens, summary, first, weights), None
    first = oracle.first_states(sources, widths, weights)
    if isinstance(decoder, SutskeverDecoder):
        return oracle.sutskever(tokens, first, weights), None
    if isinstance(decoder, BahdanauDecoder):
        return oracle.bahdanau(tokens, values, first, weights)
    if isinstance(decoder, ShowAttendTellDecoder):
        return oracle.show_attend_tell(tokens, values, first, weights)
    return oracle.luong(tokens, values, first, weights)


def _decoder_weights(decoder):
    weights = {
        "table": array(decoder.embedding.embeddings),
        "steps": [step_of(layer) for layer in decoder.recurrent_layers],
        "bridges": [_dense(layer) for layer in decoder.bridges],
        "to_logits": _dense(decoder.to_logits),
        "tied": array(decoder.bias) if decoder.tied else None,
    }
    if hasattr(decoder, "maxout"):
        weights["maxout"] = _dense(decoder.maxout.both)
    if isinstance(decoder, ShowAttendTellDecoder):
        weights["gate"] = _dense(decoder.gate)
        weights["of_state"] = _dense(decoder.of_state)
        weights["of_context"] = kernel(decoder.of_context)
    if isinstance(decoder, (BahdanauDecoder, ShowAttendTellDecoder)):
        seen = decoder.attention
        weights["attention"] = {
            "query": kernel(seen.query_projection),
            "bias": array(seen.query_projection.bias),
            "key": kernel(seen.key_projection),
            "vector": kernel(seen.score_vector)[:, 0],
            "coverage": kernel(seen.coverage_projection)[0] if seen.coverage else None,
        }
    if isinstance(decoder, LuongDecoder):
        weights["combine"], weights["input_feeding"] = (
            kernel(decoder.combine),
            decoder.input_feeding,
        )
        weights["look"] = partial(_look, decoder.attention)
    return weights


def _look(layer, state, values, t):
    """The oracle of attention for one state, one row and no padding."""
    context, weights = expected_of(layer, state[None, None], values[None], start=t)
    return context[0, 0], weights[0, 0]


def _transformer_weights(model):
    def position(t):
        if model.positions == "learned":
            return array(model.add_positions.positions)[t]
        return attention_oracle.sinusoidal(t, model.units)

    weights = {"table": array(model.embedding.embeddings), "position": position}
    if model.normalization == "pre":
        weights["last"] = (array(model.last.gamma), array(model.last.beta))
    return weights


def _transformer_block(block):
    """Its parts as functions of (n, D), and of the values where it looks at them, and its norms."""

    def attend(layer, queries, values, causal=False):
        names = ("query", "key", "value", "output")
        weights = {name: _dense(getattr(layer, f"{name}_projection")) for name in names}
        given = (queries[None], values[None], weights, layer.heads)
        return attention_oracle.multi_head(*given, causal=causal)[0][0]

    def feed(x, values=None):
        hidden, result = block.feed_forward.hidden, block.feed_forward.result
        return attention_oracle.feed_forward(x, *_dense(hidden), *_dense(result))

    around = [block.around_self_attention, block.around_feed_forward]
    looks_back = hasattr(block, "cross_attention")
    parts = [lambda x, values=None: attend(block.self_attention, x, x, causal=looks_back), feed]
    if looks_back:
        parts.insert(1, partial(attend, block.cross_attention))
        around.insert(1, block.around_cross_attention)
    return parts, [(array(one.norm.gamma), array(one.norm.beta)) for one in around]


def _of_transformer(decoder, values, tokens):
    parts, weights = [_transformer_block(b) for b in decoder.blocks], _transformer_weights(decoder)
    x = oracle.transformer(tokens, parts, weights, decoder.normalization, values)
    if decoder.tied:
        return x @ weights["table"].T + array(decoder.bias)
    weight, bias = _dense(decoder.to_logits)
    return x @ weight + bias
