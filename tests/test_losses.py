"""Losses worked out by hand."""

import math

import numpy as np
import pytest

from tfsergan import losses


def log_sigmoid(z: float) -> float:
    return -math.log1p(math.exp(-z))


@pytest.mark.parametrize("label", [0.0, 0.9, 1.0])
def test_adversarial_by_hand(label):
    z = [[0.0, 2.0], [-1.0, 3.0]]
    expected = [
        np.mean([-label * log_sigmoid(value) - (1 - label) * log_sigmoid(-value) for value in row])
        for row in z
    ]
    found = losses.adversarial(np.array(z, np.float32)[..., None], label)
    assert found.shape == (2,)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_adversarial_at_zero_is_log_2_whatever_the_label():
    zeros = np.zeros((3, 4, 1), np.float32)
    for label in (0.0, 0.3, 0.9, 1.0):
        np.testing.assert_allclose(losses.adversarial(zeros, label), [math.log(2)] * 3, rtol=1e-6)


def test_adversarial_with_a_smoothed_label_is_least_where_the_output_is_the_label():
    z = np.linspace(-6, 6, 2401, dtype=np.float32)[:, None, None]
    best = z[np.argmin(losses.adversarial(z, 0.9)), 0, 0]
    assert 1 / (1 + math.exp(-best)) == pytest.approx(0.9, abs=1e-3)


def test_adversarial_stays_finite_for_large_logits():
    z = np.array([1e4, -1e4], np.float32)[:, None, None]
    np.testing.assert_allclose(losses.adversarial(z, 0.0), [1e4, 0.0], atol=1e-6)
    np.testing.assert_allclose(losses.adversarial(z, 1.0), [0.0, 1e4], atol=1e-6)
    np.testing.assert_allclose(losses.adversarial(z, 0.9), [1e3, 9e3], rtol=1e-5)


def test_cycle_by_hand():
    x = np.array([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32)
    back = np.array([[[1.0, 0.0], [3.0, 5.0]], [[1.0, 1.0], [1.0, 1.0]]], np.float32)
    np.testing.assert_allclose(losses.reconstruction(x, back), [(0 + 4 + 0 + 1) / 4, 1.0])
    np.testing.assert_array_equal(losses.reconstruction(x, x), [0.0, 0.0])


def test_classification_by_hand():
    logits = np.log(np.array([[[1.0, 2.0, 1.0], [6.0, 1.0, 1.0]], [[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]]]))
    labels = np.array([[1, 0], [2, 0]])
    expected = [-(math.log(1 / 2) + math.log(3 / 4)) / 2, -(math.log(1 / 3) + math.log(1 / 4)) / 2]
    np.testing.assert_allclose(losses.classification(logits.astype(np.float32), labels), expected, rtol=1e-6)


def test_classification_stays_finite_for_large_logits():
    logits = np.array([[[1e4, -1e4]], [[-1e4, 1e4]]], np.float32)
    np.testing.assert_allclose(losses.classification(logits, np.zeros((2, 1), int)), [0.0, 2e4])


def test_entropy_by_hand():
    p = np.array([[0.5, 0.5, 0.0001], [0.1, 0.2, 0.7]])
    p /= p.sum(axis=1, keepdims=True)
    expected = -(p * np.log(p)).sum(axis=1).mean()
    np.testing.assert_allclose(losses.entropy(np.log(p).astype(np.float32) + 3), expected, rtol=1e-5)
    np.testing.assert_allclose(losses.entropy(np.zeros((4, 8), np.float32)), np.log(8), rtol=1e-6)
    np.testing.assert_allclose(losses.entropy(np.array([[1e4, 0.0]], np.float32)), 0, atol=1e-6)


def test_weights_choose_vectors():
    z = np.array([[0.0], [2.0], [-1.0]], np.float32)
    chosen = np.array([[1.0], [0.0], [1.0]], np.float32)
    expected = -(log_sigmoid(0) + log_sigmoid(-1)) / 2
    np.testing.assert_allclose(losses.adversarial(z, 1.0, chosen), expected, rtol=1e-6)
    np.testing.assert_allclose(
        losses.adversarial(z, 1.0, np.ones_like(z)), losses.adversarial(z, 1.0), rtol=1e-6
    )
    assert losses.adversarial(z, 1.0, np.zeros_like(z)) == 0
    np.testing.assert_allclose(losses.weighted_mean(z, chosen), -0.5)


def test_classification_with_shares_of_classes():
    logits = np.log(np.array([[[1.0, 2.0, 1.0], [6.0, 1.0, 1.0]]], np.float32))
    shares = np.array([[[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]], np.float32)
    expected = -(0.25 * math.log(1 / 4) + 0.75 * math.log(1 / 2) + math.log(1 / 8)) / 2
    np.testing.assert_allclose(losses.classification(logits, shares), [expected], rtol=1e-6)
    one_hot = np.eye(3, dtype=np.float32)[[[1, 0]]]
    by_number = losses.classification(logits, np.array([[1, 0]]))
    np.testing.assert_array_equal(losses.classification(logits, one_hot), by_number)


def test_gradient_penalty_by_hand():
    """Lengths 5, 0.5 and 1: only the first is too long."""
    gradients = np.array([[[3.0, 4.0], [0.3, 0.4]], [[1.0, 0.0], [0.0, 0.0]]], np.float32)
    np.testing.assert_allclose(losses.gradient_penalty(gradients), [16 / 2, 0], rtol=1e-5, atol=1e-9)
