"""The papers' generative methods as imbalanced-learn samplers: `ADANSampler(copies=10).fit_resample(X, y)`."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from tfsergan import training
from tfsergan.augmentation import Augmenter, Mixup, mixup
from tfsergan.methods.latif2020 import autoencoder, mixup_gan
from tfsergan.methods.sahu2017 import AAE, aae
from tfsergan.methods.sahu2018 import ConditionalGAN, VanillaGAN, gan, pretrained
from tfsergan.methods.yi2019 import INVERTED, SATURATING, adan
from tfsergan.optimizers import FusedAdam
from tfsergan.progress import Report, silent

SCALINGS: dict[str, Callable] = {
    "none": FunctionTransformer,
    "z-norm": StandardScaler,
    "largest magnitude": MaxAbsScaler,
    "min-max": MinMaxScaler,
}
"""What the networks see: the vectors as they are, z-normed, divided by each feature's largest magnitude, or in [0, 1]."""


@dataclass(kw_only=True, eq=False, repr=False)
class GenerativeSampler(Augmenter):
    """Base of the methods as samplers: subclasses give `learn`, and are dataclasses, so that parameters are fields.

    Args:
        sampling_strategy, copies, random_state: as of `tfsergan.augmentation.Augmenter`.
        scaling: what the networks see, one of `SCALINGS`.
        batch_size: vectors in a step.
        epochs: at most.
        updates: train for the epochs that come nearest to so many updates instead; 0 for `epochs`.
        precision: "float32", or "mixed_bfloat16" for matrix products in that type.
        folder: where the training keeps checkpoints and weights; one that was stopped goes on, one that is
            finished is read. A temporary one if None.
        log_dir: TensorBoard logs.
        task: name in progress and errors; the method's if empty.
        report: told of progress.

    Attributes:
        model_: the trained method, whose `synthesize(y, seed)` gives vectors of emotions y.
        epochs_: for which it was trained.
        scaler_: from vectors to what the networks see.
        classes_: labels in the order of the networks' emotions.
        seed_: drawn from `random_state`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **Augmenter._parameter_constraints,
        "scaling": [StrOptions(set(SCALINGS))],
        **{name: [Interval(Integral, 1, None, closed="left")] for name in ("batch_size", "epochs")},
        "updates": [Interval(Integral, 0, None, closed="left")],
        "precision": [StrOptions({"float32", "mixed_bfloat16"})],
        "folder": [None, str, Path],
        "log_dir": [None, str, Path],
        "task": [str],
        "report": [callable],
    }

    scaling: str = "z-norm"
    batch_size: int = 128
    epochs: int = 500
    updates: int = 0
    precision: str = "float32"
    folder: str | Path | None = None
    log_dir: str | Path | None = None
    task: str = ""
    report: Report = silent

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        self.fit_model(X, y)
        return self.sample(labels, seed=self.seed_ + 2)

    def fit_model(self, X: np.ndarray, y: np.ndarray) -> "GenerativeSampler":
        """Trains the networks on vectors (n, d) and their labels (n,), or reads what `folder` holds."""
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 4))
        self.classes_, emotion = np.unique(y, return_inverse=True)
        self.scaler_ = SCALINGS[self.scaling]().fit(X)
        x = np.asarray(self.scaler_.transform(X), np.float32)
        with tempfile.TemporaryDirectory() as temporary:
            self.model_, self.epochs_ = self.learn(x, emotion, Path(self.folder or temporary))
        return self

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        """The method trained on scaled vectors x (n, d) of emotions (n,), its stages in a folder, and its epochs."""
        raise NotImplementedError

    def train(
        self, model: keras.Model, batches: training.Batches, folder: Path, *, stage: str = "", **options: Any
    ) -> int:
        """Trains one stage; returns its epochs.

        Args:
            model, batches: what to train, and on what.
            folder: of the method.
            stage: the name of a stage before the last, and of its folder in the method's; it takes as long as
                `pretrain_epochs` and `pretrain_updates` say. Empty for the last.
            options: further ones of `training.train`.
        """
        prefix = "pretrain_" if stage else ""
        epochs, updates = (getattr(self, prefix + name) for name in ("epochs", "updates"))
        task = self.task or type(self).__name__.removesuffix("Sampler")
        return training.train(
            model,
            batches,
            training.epochs_of(batches.steps, epochs, updates),
            folder / stage,
            task=f"{task}, {stage}" if stage else task,
            log_dir=Path(self.log_dir) / stage if self.log_dir else None,
            report=self.report,
            **options,
        )

    def sample(self, labels: np.ndarray, seed: int) -> np.ndarray:
        """Synthetic vectors (m, d) of the classes `labels` (m,), of the trained model, on the scale of X."""
        emotion = np.searchsorted(self.classes_, labels)
        return self.scaler_.inverse_transform(self.model_.synthesize(emotion, seed))


@dataclass(kw_only=True, eq=False, repr=False)
class ADANSampler(GenerativeSampler):
    """Adversarial data augmentation network (Yi & Mak 2019); the defaults are what the paper prints.

    Args:
        latent: dimension of the latent vectors and of the noise.
        autoencoder_units: hidden layers of encoder and decoder.
        other_units: hidden layers of the other networks.
        activation: of the hidden layers, "tanh" or "leaky_relu".
        leaky_relu_slope: of that activation.
        discriminator_updates: M, for one update of the other networks.
        generator_loss: "equation 6" or "equation 5".
        learning_rate, beta_1, epsilon: of Adam.
        stop_after: epochs after which the training stops once the discriminator is undecided; 0: never.
        stop_within: undecided: its mean output on real and synthetic vectors is 0.5 plus or minus this.
        sampling_strategy, copies, random_state, scaling, batch_size, epochs, updates, precision, folder, log_dir,
            task, report: as of `GenerativeSampler`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **GenerativeSampler._parameter_constraints,
        **{
            name: [Interval(Integral, 1, None, closed="left")] for name in ("latent", "discriminator_updates")
        },
        "autoencoder_units": ["array-like"],
        "other_units": ["array-like"],
        "activation": [StrOptions({"tanh", "leaky_relu"})],
        "leaky_relu_slope": [Interval(Real, 0, 1, closed="both")],
        "generator_loss": [StrOptions({INVERTED, SATURATING})],
        **{name: [Interval(Real, 0, None, closed="neither")] for name in ("learning_rate", "epsilon")},
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "stop_after": [Interval(Integral, 0, None, closed="left")],
        "stop_within": [Interval(Real, 0, 0.5, closed="both")],
    }

    latent: int = 100
    autoencoder_units: Sequence[int] = (800, 800)
    other_units: Sequence[int] = (100, 100)
    activation: str = "tanh"
    leaky_relu_slope: float = 0.2
    discriminator_updates: int = 1
    generator_loss: str = INVERTED
    learning_rate: float = 1e-4
    beta_1: float = 0.9
    epsilon: float = 1e-7
    stop_after: int = 0
    stop_within: float = 0.01

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        model = adan(self.get_params(), x.shape[1], len(self.classes_), self.seed_)
        model.compile(
            *(FusedAdam(self.learning_rate, beta_1=self.beta_1, epsilon=self.epsilon) for _ in range(3)),
            discriminator_updates=self.discriminator_updates,
            generator_loss=self.generator_loss,
        )
        batches = training.Labelled(x, emotion, self.batch_size, self.seed_ + 1)
        return model, self.train(model, batches, folder, stop=self.undecided if self.stop_after else None)

    def undecided(self, epoch: int, logs: Mapping[str, float]) -> bool:
        """Whether the discriminator tells real from synthetic no more, late enough in the training."""
        mean = (logs["D_real"] + logs["D_fake"]) / 2
        return epoch >= self.stop_after and abs(mean - 0.5) <= self.stop_within


@dataclass(kw_only=True, eq=False, repr=False)
class AAESampler(GenerativeSampler):
    """Adversarial autoencoder with a Gaussian a class (Sahu et al. 2017).

    Args:
        latent: dimension of the codes.
        units: hidden layers of encoder and decoder.
        dropout: of their hidden activations.
        activation: of all hidden layers, "leaky_relu", "relu" or "tanh".
        leaky_relu_slope: of that activation.
        code_discriminator_units: hidden layers of the discriminator of codes.
        radius, deviation: of the prior, see `tfsergan.networks.GaussianMixture`.
        encoder_updates: of the encoder against the discriminator for one of the discriminator.
        learning_rate, beta_1, epsilon: of Adam.
        sampling_strategy, copies, random_state, scaling, batch_size, epochs, updates, precision, folder, log_dir,
            task, report: as of `GenerativeSampler`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **GenerativeSampler._parameter_constraints,
        "latent": [Interval(Integral, 2, None, closed="left")],
        "encoder_updates": [Interval(Integral, 1, None, closed="left")],
        **{name: ["array-like"] for name in ("units", "code_discriminator_units")},
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "activation": [StrOptions({"leaky_relu", "relu", "tanh"})],
        "leaky_relu_slope": [Interval(Real, 0, 1, closed="both")],
        **{
            name: [Interval(Real, 0, None, closed="neither")]
            for name in ("radius", "deviation", "learning_rate", "epsilon")
        },
        "beta_1": [Interval(Real, 0, 1, closed="left")],
    }

    latent: int = 2
    units: Sequence[int] = (1000, 1000)
    dropout: float = 0.5
    activation: str = "leaky_relu"
    leaky_relu_slope: float = 0.2
    code_discriminator_units: Sequence[int] = (1000, 1000)
    radius: float = 2.0
    deviation: float = 0.5
    encoder_updates: int = 1
    learning_rate: float = 1e-4
    beta_1: float = 0.9
    epsilon: float = 1e-7

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        model = aae(self.get_params(), x.shape[1], len(self.classes_), self.seed_)
        self.compile_autoencoder(model)
        return model, self.train(model, self.batches(x, emotion, 1), folder)

    def compile_autoencoder(self, model: AAE) -> None:
        model.compile(*(self.optimizer() for _ in range(3)), encoder_updates=self.encoder_updates)

    def optimizer(self, learning_rate: float | None = None) -> FusedAdam:
        """Adam, at another rate than the sampler's if one is given."""
        return FusedAdam(learning_rate or self.learning_rate, beta_1=self.beta_1, epsilon=self.epsilon)

    def batches(self, x: np.ndarray, emotion: np.ndarray, stage: int) -> training.Labelled:
        return training.Labelled(x, emotion, self.batch_size, self.seed_ + stage)


@dataclass(kw_only=True, eq=False, repr=False)
class VanillaGANSampler(AAESampler):
    """GAN without labels, its generator started from an adversarial autoencoder's decoder (Sahu et al. 2018).

    Args:
        discriminator_units: hidden layers of the GAN's discriminator.
        discriminator_dropout: of its hidden activations.
        discriminator_learning_rate: of Adam for it; 0 for the generator's.
        generator_updates: for one of the discriminator.
        gan_learning_rate: of Adam for the generator.
        pretrain_epochs: of the autoencoder; 0 to start the generator at random.
        pretrain_updates: train it for the epochs that come nearest to so many updates instead; 0 for
            `pretrain_epochs`.
        latent, units, dropout, activation, leaky_relu_slope, code_discriminator_units, radius, deviation,
            encoder_updates, learning_rate, beta_1, epsilon: as of `AAESampler`, of the autoencoder; the generator
            has its decoder's shape.
        sampling_strategy, copies, random_state, scaling, batch_size, epochs, updates, precision, folder, log_dir,
            task, report: as of `GenerativeSampler`.

    Attributes:
        autoencoder_: what the generator started from; None without.
    """

    _parameter_constraints: ClassVar[dict] = {
        **AAESampler._parameter_constraints,
        "discriminator_units": ["array-like"],
        "discriminator_dropout": [Interval(Real, 0, 1, closed="left")],
        "discriminator_learning_rate": [Interval(Real, 0, None, closed="left")],
        "generator_updates": [Interval(Integral, 1, None, closed="left")],
        "gan_learning_rate": [Interval(Real, 0, None, closed="neither")],
        **{
            name: [Interval(Integral, 0, None, closed="left")]
            for name in ("pretrain_epochs", "pretrain_updates")
        },
    }

    discriminator_units: Sequence[int] = (1000, 1000)
    discriminator_dropout: float = 0.0
    discriminator_learning_rate: float = 0.0
    generator_updates: int = 1
    gan_learning_rate: float = 1e-4
    pretrain_epochs: int = 500
    pretrain_updates: int = 0

    kind: ClassVar[type[VanillaGAN]] = VanillaGAN

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        size = (x.shape[1], len(self.classes_), self.seed_)
        model = gan(self.get_params(), *size, self.kind)
        self.autoencoder_ = None
        if self.pretrain_epochs or self.pretrain_updates:
            self.autoencoder_ = pretrained(self.get_params(), *size, self.kind)
            self.compile_autoencoder(self.autoencoder_)
            self.train(self.autoencoder_, self.batches(x, emotion, 1), folder, stage="autoencoder")
            model.start_from(self.autoencoder_)
        model.compile(
            self.optimizer(self.gan_learning_rate),
            self.optimizer(self.discriminator_learning_rate or self.gan_learning_rate),
            generator_updates=self.generator_updates,
        )
        return model, self.train(model, self.batches(x, emotion, 3), folder)


@dataclass(kw_only=True, eq=False, repr=False)
class ConditionalGANSampler(VanillaGANSampler):
    """GAN whose generator and discriminator see the class (Sahu et al. 2018), its discriminator limited.

    Args: as of `VanillaGANSampler`.
    """

    discriminator_dropout: float = 0.5
    generator_updates: int = 2

    kind: ClassVar[type[VanillaGAN]] = ConditionalGAN


@dataclass(kw_only=True, eq=False, repr=False)
class MixupGANSampler(GenerativeSampler):
    """Mixup-augmented GAN (Latif et al. 2020); units, latent size and dropout are what the paper prints.

    A synthetic vector is what encoder and generator make of a training vector or of a mixture of two, of which the
    label's own class has the larger share.

    Args:
        latent: dimension of the encoded vectors.
        encoder_units, decoder_units, discriminator_units: hidden layers.
        dropout: after the first hidden layer of encoder and generator, in training.
        leaky_relu_slope: of the hidden layers' activation.
        mixed_copies: sets of mixtures that training adds to the training set.
        alpha: of the distribution of mixup's lambda.
        pretrain_epochs, pretrain_updates: of the autoencoder alone, as `epochs` and `updates`.
        learning_rate: of the autoencoder's Adam.
        generator_learning_rate, discriminator_learning_rate: of theirs.
        beta_1: of the generator's and the discriminator's.
        sampling_strategy, copies, random_state, scaling, batch_size, epochs, updates, precision, folder, log_dir,
            task, report: as of `GenerativeSampler`.

    Attributes:
        model_: its `synthesize(x)` remakes scaled vectors x.
        mixed_: what the networks were trained on, scaled: the training set, and below it mixtures.
        epochs_, scaler_, classes_, seed_: as of `GenerativeSampler`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **GenerativeSampler._parameter_constraints,
        **{name: [Interval(Integral, 1, None, closed="left")] for name in ("latent", "pretrain_epochs")},
        **{
            name: [Interval(Integral, 0, None, closed="left")]
            for name in ("mixed_copies", "pretrain_updates")
        },
        **{name: ["array-like"] for name in ("encoder_units", "decoder_units", "discriminator_units")},
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "leaky_relu_slope": [Interval(Real, 0, 1, closed="both")],
        **{
            name: [Interval(Real, 0, None, closed="neither")]
            for name in ("alpha", "learning_rate", "generator_learning_rate", "discriminator_learning_rate")
        },
        "beta_1": [Interval(Real, 0, 1, closed="left")],
    }

    scaling: str = "min-max"
    latent: int = 2
    encoder_units: Sequence[int] = (1000, 500)
    decoder_units: Sequence[int] = (500, 1000)
    discriminator_units: Sequence[int] = (1000, 1000)
    dropout: float = 0.5
    leaky_relu_slope: float = 0.2
    mixed_copies: int = 1
    alpha: float = 0.2
    pretrain_epochs: int = 100
    pretrain_updates: int = 0
    learning_rate: float = 1e-4
    generator_learning_rate: float = 1e-4
    discriminator_learning_rate: float = 1e-4
    beta_1: float = 0.5

    def sample(self, labels: np.ndarray, seed: int) -> np.ndarray:
        x, shares = (part[: len(part) // (1 + self.mixed_copies)] for part in self.mixed_[:2])
        y = self.classes_[shares.argmax(axis=1)]
        mixtures = Mixup(alpha=self.alpha, random_state=seed).synthesize(x, y, labels)
        return self.scaler_.inverse_transform(self.model_.synthesize(mixtures))

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        one_hot = np.eye(len(self.classes_), dtype=np.float32)[emotion]
        self.mixed_ = mixup(x, one_hot, self.mixed_copies, self.alpha, self.seed_ + 1)
        shape = (x.shape[1], self.latent, self.seed_)
        model = mixup_gan(self.get_params(), *shape)
        batches = training.Labelled(self.mixed_.x, self.mixed_.unmixed, self.batch_size, self.seed_ + 1)
        if not training.finished(folder):
            before = autoencoder(self.get_params(), *shape)
            before.compile(FusedAdam(self.learning_rate))
            self.train(before, batches, folder, stage="pretraining")
            model.start_from(before)
        model.compile(
            FusedAdam(self.learning_rate),
            FusedAdam(self.generator_learning_rate, beta_1=self.beta_1),
            FusedAdam(self.discriminator_learning_rate, beta_1=self.beta_1),
        )
        return model, self.train(model, batches, folder)
