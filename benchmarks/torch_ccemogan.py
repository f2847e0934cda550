"""Su & Lee 2021's training iteration in PyTorch: what `ccemogan_step.py` measures tfsergan's against.

The same computation as a careful PyTorch user would write it: repeats as a leading axis, sets that pass one network
in one batch, the fakes shared by both updates, discriminators frozen while they judge for the generators, fused Adam.
`torch.compile` takes the generators' passes and losses; the penalty's second derivative stays eager, as it must.
"""

import torch
from torch.nn import functional as F
from torch_cyclegan import MLP, Adam, adversarial, cycle


class CCEmoGAN:
    """Equations 1 to 8: D_S and D_T, then both generators, once each.

    Args:
        setup: sizes, weights and losses' weights, a `ccemogan_step.Setup`.
        compiled: whether through `torch.compile`.
    """

    def __init__(self, setup, compiled: bool):
        self.setup = setup
        self.s, y, self.t = map(torch.from_numpy, setup.batches())
        r, self.share = map(torch.from_numpy, setup.draws())
        self.y, self.r = y.long(), r.long()
        slopes = {"classifier_F": 0.0}
        self.networks = {
            name: MLP(weights, 0.0, slopes.get(name, setup.leaky_relu_slope))
            for name, weights in setup.weights()
        }
        self.gen_ST, self.gen_TS, self.disc_S, self.disc_T, self.classifier_F = self.networks.values()
        self.classifier_F.requires_grad_(False)
        self.discriminators = torch.nn.ModuleList([self.disc_S, self.disc_T])
        movers = torch.nn.ModuleList([self.gen_ST, self.gen_TS])
        self.optimizer_G = Adam(movers.parameters(), setup.learning_rate)
        self.optimizer_D = Adam(self.discriminators.parameters(), setup.learning_rate)
        if compiled:
            for name in ("translate", "generator_loss"):
                setattr(self, name, torch.compile(getattr(self, name), dynamic=False))

    def weights(self) -> dict[str, list]:
        """Every network's weights by its name, in the order of `Setup.weights`."""
        return {name: [w.detach().numpy() for w in net.parameters()] for name, net in self.networks.items()}

    def step(self) -> float:
        """One training iteration; returns the generators' loss."""
        made = self.translate(self.s, self.t)
        self.discriminators.requires_grad_(True)
        self.discriminator_loss(made["fake_s"].detach(), made["fake_t"].detach()).backward()
        self.optimizer_D.step()
        self.discriminators.requires_grad_(False)
        loss = self.generator_loss(self.s, self.t, made)
        loss.backward()
        self.optimizer_G.step()
        return loss.item()

    def to_source(self, *pairs) -> tuple[torch.Tensor, ...]:
        """G_{T->S} of sets of vectors and emotions, as one batch."""
        sets = [torch.cat([x, F.one_hot(z, 3).to(x.dtype)], -1) for x, z in pairs]
        return self.gen_TS(torch.cat(sets, 1)).chunk(len(sets), 1)

    def translate(self, s, t) -> dict[str, torch.Tensor]:
        """All that the losses look at."""
        fake_t, same_t = self.gen_ST(torch.cat([s, t], 1)).chunk(2, 1)
        fake_s, same_s, random_s = self.to_source((t, self.y), (s, self.y), (t, self.r))
        (back_s,), back_t = self.to_source((fake_t, self.y)), self.gen_ST(fake_s)
        made = {"fake_s": fake_s, "fake_t": fake_t, "same_s": same_s, "same_t": same_t}
        return {**made, "random_s": random_s, "back_s": back_s, "back_t": back_t}

    def discriminator_loss(self, fake_s, fake_t):
        """Equation 2 negated, with the penalty, summed over repeats."""
        loss = 0.0
        for disc, real, fake in ((self.disc_S, self.s, fake_s), (self.disc_T, self.t, fake_t)):
            on_real, on_fake = disc(torch.cat([real, fake], 1)).chunk(2, 1)
            loss = loss + adversarial(on_real, 1.0) + adversarial(on_fake, 0.0)
            x = (self.share * real + (1 - self.share) * fake).requires_grad_()
            (gradient,) = torch.autograd.grad(disc(x).sum(), x, create_graph=True)
            length = (gradient.square().sum(-1) + 1e-12).sqrt()
            loss = loss + self.setup.penalty * F.relu(length - 1).square().mean(1).sum()
        return loss

    def generator_loss(self, s, t, made):
        """Equation 7, summed over repeats."""
        setup = self.setup
        loss = adversarial(self.disc_S(made["fake_s"]), 1.0) + adversarial(self.disc_T(made["fake_t"]), 1.0)
        loss = loss + setup.lambda_1 * (cycle(s, made["same_s"]) + cycle(t, made["same_t"]))
        loss = loss + setup.lambda_2 * (cycle(s, made["back_s"]) + cycle(t, made["back_t"]))
        emotion = self.cross_entropy(made["back_s"], self.y) + self.cross_entropy(made["same_s"], self.y)
        return loss + setup.lambda_3 * (emotion + self.cross_entropy(made["random_s"], self.r))

    def cross_entropy(self, x, emotion):
        """Of F_s on vectors (R, B, D), summed over repeats."""
        logits = self.classifier_F(x)
        return len(x) * F.cross_entropy(logits.flatten(0, 1), emotion.flatten())
