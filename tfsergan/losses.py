"""Losses of the adversarial methods, one value an element of the leading axis.

Every function takes tensors with a leading axis of independent problems (such as one an emotion) and averages
over all other axes, so that the caller sees and sums one loss a problem.
"""

from keras import ops


def adversarial(logits, label: float):
    """Binary cross-entropy of a discriminator's logits against one label for all of them.

    -[label * log D(x) + (1 - label) * log(1 - D(x))] with D = sigmoid(logits); Goodfellow et al. 2014, with
    the smoothed label of Salimans et al. 2016, sec. 3.4, where `label` is not 0 or 1.

    Args:
        logits: (E, B, 1).
        label: in [0, 1].

    Returns: (E,).
    """
    # softplus(z) - label * z, the form that stays finite for large |z|.
    return ops.mean(ops.softplus(logits) - label * logits, axis=(1, 2))


def cycle(x, reconstruction):
    """Mean squared error between vectors and what came back; Zhu et al. 2017 with a squared norm.

    Args:
        x, reconstruction: (E, B, D).

    Returns: (E,).
    """
    return ops.mean(ops.square(reconstruction - x), axis=(1, 2))


def classification(logits, labels):
    """Softmax cross-entropy.

    Args:
        logits: (E, B, classes).
        labels: (E, B) integers.

    Returns: (E,).
    """
    log_probabilities = ops.log_softmax(logits, axis=-1)
    one_hot = ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return -ops.mean(ops.sum(one_hot * log_probabilities, axis=-1), axis=1)
