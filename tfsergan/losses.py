"""Losses of the adversarial methods: means over a batch, one value for each element of the axes before it.

A leading axis of independent problems (such as one an emotion) is kept, so that the caller sees and sums one loss
a problem; without one the loss is a scalar. `...` in the shapes is that axis, or nothing.
"""

from keras import ops


def weighted_mean(values, weights):
    """The mean of some of a batch's values; 0 where no weight is left.

    Args:
        values, weights: (..., B, 1).

    Returns: (...).
    """
    total = ops.sum(weights, axis=(-2, -1))
    return ops.sum(weights * values, axis=(-2, -1)) / ops.maximum(total, 1e-7)


def adversarial(logits, label: float, weights=None):
    """Binary cross-entropy of a discriminator's logits against one label for all of them.

    -[label * log D(x) + (1 - label) * log(1 - D(x))] with D = sigmoid(logits); Goodfellow et al. 2014, with
    the smoothed label of Salimans et al. 2016, sec. 3.4, where `label` is not 0 or 1.

    Args:
        logits: (..., B, 1).
        label: in [0, 1].
        weights: (..., B, 1) of the vectors; alike if None.

    Returns: (...).
    """
    # softplus(z) - label * z, the form that stays finite for large |z|.
    loss = ops.softplus(logits) - label * logits
    return ops.mean(loss, axis=(-2, -1)) if weights is None else weighted_mean(loss, weights)


def reconstruction(x, back):
    """Mean squared error between vectors and what came back from a cycle or an autoencoder.

    Args:
        x, back: (..., B, D).

    Returns: (...).
    """
    return ops.mean(ops.square(back - x), axis=(-2, -1))


def entropy(logits):
    """Mean entropy of the softmax of logits, in nats: 0 where one class is certain, log(classes) where all are equal.

    Args:
        logits: (..., B, classes).

    Returns: (...).
    """
    log_probabilities = ops.log_softmax(logits, axis=-1)
    return -ops.mean(ops.sum(ops.exp(log_probabilities) * log_probabilities, axis=-1), axis=-1)


def gradient_penalty(gradients):
    """By how much a discriminator's gradients are longer than 1: mean of max(0, |g| - 1)^2.

    Gulrajani et al. 2017, equation 3, in the one-sided form of their sec. 4: the other side's pull towards length 1
    keeps a discriminator that points the wrong way from turning round.

    Args:
        gradients: (..., B, D), of its logits, at points between real and generated vectors.

    Returns: (...).
    """
    squares = ops.sum(ops.square(gradients), axis=-1)
    return ops.mean(ops.square(ops.relu(ops.sqrt(squares + 1e-12) - 1.0)), axis=-1)  # a root is steep at 0


def divergence(logits, other):
    """Symmetrised Kullback-Leibler divergence of two softmax distributions, KL(p || q) + KL(q || p).

    Args:
        logits, other: (..., B, classes).

    Returns: (...).
    """
    log_p, log_q = ops.log_softmax(logits, axis=-1), ops.log_softmax(other, axis=-1)
    return ops.mean(ops.sum((ops.exp(log_p) - ops.exp(log_q)) * (log_p - log_q), axis=-1), axis=-1)


def classification(logits, labels):
    """Softmax cross-entropy.

    Args:
        logits: (..., B, classes).
        labels: (..., B) integers, or (..., B, classes) shares of each class, as mixup makes them.

    Returns: (...).
    """
    log_probabilities = ops.log_softmax(logits, axis=-1)
    if len(labels.shape) < len(logits.shape):
        labels = ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return -ops.mean(ops.sum(labels * log_probabilities, axis=-1), axis=-1)
