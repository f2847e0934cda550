"""Bao 2019's training iteration in PyTorch: what `cyclegan_step.py` measures tfsergan's against.

The same computation as a careful PyTorch user would write it: emotions as a leading axis of every tensor, the
fakes of the discriminator step shared with the first generator step, discriminators frozen while they judge
for the generators, fused Adam, and `torch.compile` over every forward and backward pass where asked for.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch.nn import functional as F


class MLP(torch.nn.Module):
    """Multilayer perceptrons along the leading axis E: (E, B, inputs) to (E, B, outputs).

    Args:
        weights: kernel (E, inputs, outputs) and bias (E, 1, outputs) of each layer in turn.
        dropout: share of hidden activations dropped.
        slope: of the leaky ReLU.
    """

    def __init__(self, weights: Sequence[np.ndarray], dropout: float, slope: float):
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.from_numpy(w) for w in weights)
        self.dropout, self.slope = dropout, slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *hidden, (kernel, bias) = zip(self.weights[::2], self.weights[1::2], strict=True)
        for w, b in hidden:
            x = F.leaky_relu(torch.baddbmm(b, x, w), self.slope)
            if self.dropout:
                x = F.dropout(x, self.dropout, training=True)
        x = torch.baddbmm(bias, x, kernel)
        return x.float() if x.dtype == torch.bfloat16 else x  # losses are taken in float32


class Adam(torch.optim.Adam):
    """Fused Adam with the epsilon of Kingma & Ba's sec. 2, which Keras and TensorFlow use."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float, epsilon: float = 1e-7):
        super().__init__(parameters, lr=lr, fused=True)
        self.epsilon, self.updates = epsilon, 0

    def step(self) -> None:
        self.updates += 1
        self.param_groups[0]["eps"] = self.epsilon / (1 - 0.999**self.updates) ** 0.5
        super().step()
        self.zero_grad()


class EmotionCycleGAN:
    """Equations 1 to 5 and the update schedule of sec. 4.1: D once, then G, F and C.

    Args:
        setup: sizes, weights and losses' weights, a `cyclegan_step.Setup`.
        s: source vectors (B, D).
        t: vectors of each emotion (E, B, D).
        compiled: whether through `torch.compile`.
    """

    def __init__(self, setup, s: np.ndarray, t: np.ndarray, compiled: bool):
        self.setup, self.t = setup, torch.from_numpy(t)
        self.s = torch.from_numpy(s).expand(self.t.shape)
        dropout = {"classifier_C": setup.classifier_dropout}
        self.networks = {
            name: MLP(weights, dropout.get(name, setup.dropout), setup.leaky_relu_slope)
            for name, weights in setup.weights()
        }
        self.gen_G, self.gen_F, self.disc_T, self.disc_S, self.classifier_C = self.networks.values()
        movers = [self.gen_G, self.gen_F] + [self.classifier_C] * bool(setup.lambda_cls)
        self.discriminators = torch.nn.ModuleList([self.disc_T, self.disc_S])
        self.optimizer_G = Adam(torch.nn.ModuleList(movers).parameters(), setup.learning_rate)
        self.optimizer_D = Adam(self.discriminators.parameters(), setup.learning_rate)
        autocast = torch.autocast("cpu", torch.bfloat16, enabled=setup.precision == "mixed_bfloat16")
        for name in ("translate", "discriminator_loss", "generator_loss", "next_generator_loss"):
            function = getattr(self, name)
            if compiled:
                # fallback_random: dropout from PyTorch's own generator, faster on a CPU than the compiled one.
                function = torch.compile(function, dynamic=False, options={"fallback_random": True})
            setattr(self, name, autocast(function))

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Every network's weights by its name, in the order of `Setup.weights`."""
        return {name: [w.detach().numpy() for w in net.parameters()] for name, net in self.networks.items()}

    def step(self) -> float:
        """One training iteration; returns the generators' last loss."""
        s, t = self.s, self.t
        fake_t, fake_s = self.translate(s, t)
        self.discriminators.requires_grad_(True)
        self.discriminator_loss(s, t, fake_t.detach(), fake_s.detach()).backward()
        self.optimizer_D.step()
        self.discriminators.requires_grad_(False)
        loss = self.generator_loss(s, t, fake_t, fake_s)
        loss.backward()
        self.optimizer_G.step()
        for _ in range(self.setup.generator_updates - 1):
            loss = self.next_generator_loss(s, t)
            loss.backward()
            self.optimizer_G.step()
        return loss.item()

    def translate(self, s, t):
        """G_i(s) and F_i(t), both (E, B, D)."""
        return self.gen_G(s), self.gen_F(t)

    def discriminator_loss(self, s, t, fake_t, fake_s):
        """Equation 1 of both sides, negated, halved and summed over emotions."""
        return 0.5 * sum(
            adversarial(disc(real), self.setup.real_label) + adversarial(disc(fake), 0.0)
            for disc, real, fake in ((self.disc_T, t, fake_t), (self.disc_S, s, fake_s))
        )

    def generator_loss(self, s, t, fake_t, fake_s):
        """Equation 5, summed over emotions."""
        label = self.setup.real_label
        loss = adversarial(self.disc_T(fake_t), label) + adversarial(self.disc_S(fake_s), label)
        loss = loss + self.setup.lambda_cyc * (cycle(s, self.gen_F(fake_t)) + cycle(t, self.gen_G(fake_s)))
        if self.setup.lambda_cls:
            loss = loss + self.setup.lambda_cls * self.classification_loss(fake_t)
        return loss

    def next_generator_loss(self, s, t):
        """Equation 5 of the updates after the first."""
        return self.generator_loss(s, t, *self.translate(s, t))

    def classification_loss(self, fake_t):
        """Equation 4, summed over emotions: C is one network for all of them, its leading axis 1 long."""
        E, B, D = fake_t.shape
        logits = self.classifier_C(fake_t.reshape(1, E * B, D))[0]
        labels = torch.arange(E).repeat_interleave(B)
        return E * F.cross_entropy(logits, labels)


def adversarial(logits, label: float):
    """Binary cross-entropy against one label, mean over the batch, summed over emotions."""
    return (F.softplus(logits) - label * logits).mean(dim=(1, 2)).sum()


def cycle(x, reconstruction):
    """Mean squared error, summed over emotions."""
    return (reconstruction - x).square().mean(dim=(1, 2)).sum()
