"""The mixup GAN, the adversarial autoencoder and the GANs of vectors in PyTorch: what `generative_step.py` measures
tfsergan's against.

The same computation as a careful PyTorch user would write it: nothing differentiated that an update does not move,
fused Adam, and `torch.compile` over the losses where asked for.
"""

import numpy as np
import torch
from torch.nn import functional as F
from torch_cyclegan import Adam


class MLP(torch.nn.Module):
    """A multilayer perceptron with leaky ReLUs: (B, inputs) to (B, outputs).

    Args:
        weights: kernel (1, inputs, outputs) and bias (1, 1, outputs) of each layer in turn.
        dropout: shares dropped after each hidden layer.
        slope: of the leaky ReLU.
    """

    def __init__(self, weights: list[np.ndarray], dropout: tuple[float, ...], slope: float):
        super().__init__()
        self.kernels = torch.nn.ParameterList(torch.from_numpy(w[0].T.copy()) for w in weights[::2])
        self.biases = torch.nn.ParameterList(torch.from_numpy(b[0, 0].copy()) for b in weights[1::2])
        self.dropout, self.slope = dropout, slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for kernel, bias, rate in zip(self.kernels, self.biases, self.dropout, strict=False):
            x = F.leaky_relu(F.linear(x, kernel, bias), self.slope)
            if rate:
                x = F.dropout(x, rate, training=True)
        return F.linear(x, self.kernels[-1], self.biases[-1])

    def numpy(self) -> list[np.ndarray]:
        """Its weights in the order that it took them."""
        pairs = zip(self.kernels, self.biases, strict=True)
        return [w.detach().numpy() for kernel, bias in pairs for w in (kernel.T[None], bias[None, None])]


class Model:
    """Networks by name, a loss and an Adam an update.

    Args:
        setup: a `generative_step.Setup`.
        dropout: of each network's hidden layers.
        compiled: whether through `torch.compile`.
    """

    losses: tuple[str, ...] = ()

    def __init__(self, setup, dropout: dict[str, tuple[float, ...]], compiled: bool):
        self.setup = setup
        self.x, labels = map(torch.from_numpy, setup.batches())
        self.labels = labels.long()
        self.networks = torch.nn.ModuleDict(
            {name: MLP(w, dropout[name], setup.leaky_relu_slope) for name, w in setup.weights()}
        )
        for name in self.losses if compiled else ():
            setattr(self, name, torch.compile(getattr(self, name), dynamic=False))

    def __getattr__(self, name: str) -> MLP:
        return self.__dict__["networks"][name]

    def adam(self, *networks: str) -> tuple[torch.nn.ModuleList, Adam]:
        """Some networks, and an optimizer that moves them."""
        modules = torch.nn.ModuleList(self.networks[name] for name in networks)
        return modules, Adam(modules.parameters(), self.setup.learning_rate)

    def update(self, movers: tuple[torch.nn.ModuleList, Adam], loss, *args) -> None:
        """One step of these networks down a loss; the others stand still."""
        modules, optimizer = movers
        self.networks.requires_grad_(False)
        modules.requires_grad_(True)
        loss(*args).backward()
        optimizer.step()

    def weights(self) -> dict[str, list[np.ndarray]]:
        return {name: network.numpy() for name, network in self.networks.items()}

    def beside_emotion(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors (B, M) and their one-hot emotions side by side."""
        return torch.cat([vectors, F.one_hot(self.labels, 4).to(vectors.dtype)], dim=1)


class MixupGAN(Model):
    """Latif et al. 2020, equations 3 and 4: autoencoder, generator, discriminator."""

    losses = ("reconstruction_loss", "generator_loss", "discriminator_loss", "made")

    def __init__(self, setup, compiled: bool):
        first = (setup.dropout, 0.0)
        dropout = {"encoder_E": first, "generator_G": first, "discriminator_D": (0.0, 0.0)}
        super().__init__(setup, dropout, compiled)
        self.unmixed = self.labels[:, None].to(self.x.dtype)
        self.A = self.adam("encoder_E", "generator_G")
        self.G, self.D = self.adam("generator_G"), self.adam("discriminator_D")

    def step(self) -> None:
        """One training iteration."""
        self.update(self.A, self.reconstruction_loss, self.x)
        self.update(self.G, self.generator_loss, self.x)
        with torch.no_grad():
            fake = self.made(self.x)
        self.update(self.D, self.discriminator_loss, self.x, fake)

    def made(self, x):
        return self.generator_G(self.encoder_E(x))

    def reconstruction_loss(self, x):
        return (self.generator_G(self.encoder_E(x)) - x).square().mean()

    def generator_loss(self, x):
        return F.softplus(-self.discriminator_D(self.generator_G(self.encoder_E(x)))).mean()

    def discriminator_loss(self, x, fake):
        loss = F.softplus(-self.discriminator_D(x)) + F.softplus(self.discriminator_D(fake))
        return (self.unmixed * loss).sum() / self.unmixed.sum()


class AAE(Model):
    """Sahu et al. 2017: reconstruction, then the discriminator of codes, then the encoder against it."""

    losses = ("reconstruction_loss", "discriminator_loss", "encoder_loss", "codes")

    def __init__(self, setup, compiled: bool):
        both = (setup.dropout, setup.dropout)
        dropout = {"encoder_E": both, "decoder_R": both, "discriminator_D": (0.0, 0.0)}
        super().__init__(setup, dropout, compiled)
        self.prior = torch.from_numpy(setup.points())
        self.A = self.adam("encoder_E", "decoder_R")
        self.D, self.E = self.adam("discriminator_D"), self.adam("encoder_E")

    def step(self) -> None:
        """One training iteration."""
        self.update(self.A, self.reconstruction_loss, self.x)
        with torch.no_grad():
            z = self.codes(self.x)
        self.update(self.D, self.discriminator_loss, self.prior, z)
        self.update(self.E, self.encoder_loss, self.x)

    def codes(self, x):
        return self.encoder_E(x)

    def judge(self, z):
        return self.discriminator_D(self.beside_emotion(z))

    def reconstruction_loss(self, x):
        return (self.decoder_R(self.encoder_E(x)) - x).square().mean()

    def discriminator_loss(self, prior, z):
        return F.softplus(-self.judge(prior)).mean() + F.softplus(self.judge(z)).mean()

    def encoder_loss(self, x):
        return F.softplus(-self.judge(self.encoder_E(x))).mean()


class GAN(Model):
    """Sahu et al. 2018, vanilla or conditional: D once, then G once or twice."""

    losses = ("discriminator_loss", "generator_loss", "made")

    def __init__(self, setup, compiled: bool):
        rate = setup.hyperparameters["discriminator_dropout"]
        both = (setup.dropout, setup.dropout)
        super().__init__(setup, {"generator_G": both, "discriminator_D": (rate, rate)}, compiled)
        self.prior = torch.from_numpy(setup.points())
        self.G, self.D = self.adam("generator_G"), self.adam("discriminator_D")

    def step(self) -> None:
        """One training iteration."""
        with torch.no_grad():
            fake = self.made(self.prior)
        self.update(self.D, self.discriminator_loss, self.x, fake)
        for _ in range(self.setup.generator_updates):
            self.update(self.G, self.generator_loss, self.prior)

    def given(self, vectors):
        """What a network sees."""
        return self.beside_emotion(vectors) if self.setup.conditional else vectors

    def made(self, prior):
        return self.generator_G(self.given(prior))

    def discriminator_loss(self, x, fake):
        real, fake = (self.discriminator_D(self.given(vectors)) for vectors in (x, fake))
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator_loss(self, prior):
        return F.softplus(-self.discriminator_D(self.given(self.generator_G(self.given(prior))))).mean()
