"""The cross entropy of a token with smoothed labels."""

from keras import ops


def smoothed_cross_entropy(logits, tokens, smoothing=0.0):
    r"""The cross entropy of tokens with smoothed labels.

    $$-\sum_v q_v \log p_v = \log \sum_v e^{z_v} - (1 - \epsilon)\, z_y
      - \frac{\epsilon}{V} \sum_v z_v, \qquad
      q = (1 - \epsilon)\, \mathrm{onehot}(y) + \epsilon / V$$

    Its gradient, $p - q$, is written out: one pass over the logits, which are by far the largest
    tensor of a model, where autodiff would go through each term.

    Args:
        logits: z, (…, V), float32.
        tokens: y, integers (…).
        smoothing: $\epsilon$, in [0, 1).

    Returns:
        (…), in nats.

    Example:
        >>> from keras import ops
        >>> from keras_seq.models.token_loss import smoothed_cross_entropy
        >>> loss = smoothed_cross_entropy(ops.array([[0.0, 0.0]]), ops.array([1]))
        >>> round(float(loss[0]), 3)
        0.693

    Reference:
        Szegedy et al., "Rethinking the Inception architecture for computer vision" (2015, arXiv
        1512.00567), section 7.
    """
    tokens = ops.cast(ops.expand_dims(tokens, -1), "int32")
    size = ops.shape(logits)[-1]  # which a set's may not be known when it is traced

    @ops.custom_gradient
    def loss(logits):
        log_sum = ops.logsumexp(logits, axis=-1, keepdims=True)
        own = ops.take_along_axis(logits, tokens, axis=-1)
        losses = log_sum - (1 - smoothing) * own
        if smoothing:
            losses = losses - smoothing * ops.mean(logits, axis=-1, keepdims=True)

        def gradient(*arguments, upstream=None):
            (upstream,) = arguments if upstream is None else (upstream,)
            is_own = ops.equal(ops.arange(size, dtype="int32"), tokens)
            share = smoothing / ops.cast(size, logits.dtype)
            q = ops.where(is_own, 1 - smoothing + share, share)
            return upstream * (ops.exp(logits - log_sum) - q)

        return losses, gradient

    return ops.squeeze(loss(logits), axis=-1)
