"""The papers' generative methods as imbalanced-learn samplers: `ADANSampler(copies=10).fit_resample(X, y)`."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import filelock
import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from tfsergan import stages, training
from tfsergan.augmentation import Augmenter, Mixup, mixup, rows_over_and_over
from tfsergan.classifiers import balanced_rows
from tfsergan.errors import TfserganError
from tfsergan.files import write_atomically
from tfsergan.methods import cycle_gan
from tfsergan.methods.bao2019 import CyclePair, compile_as_printed, emotion_cycle_gan, generators
from tfsergan.methods.domain_adaptation import EmotionClassifier, emotion_classifier
from tfsergan.methods.latif2020 import autoencoder, mixup_gan
from tfsergan.methods.sahu2017 import AAE, aae
from tfsergan.methods.sahu2018 import ConditionalGAN, VanillaGAN, gan, pretrained
from tfsergan.methods.su2021 import CCEmoGAN
from tfsergan.methods.yi2019 import INVERTED, SATURATING, Undecided, adan
from tfsergan.optimizers import FusedAdam, step_decay
from tfsergan.progress import Report, silent
from tfsergan.stages import Stages

Sampler = TypeVar("Sampler", bound="GenerativeSampler")

SCALINGS: dict[str, Callable] = {
    "none": FunctionTransformer,
    "z-norm": StandardScaler,
    "largest magnitude": MaxAbsScaler,
    "min-max": MinMaxScaler,
}
"""What the networks see: the vectors as they are, z-normed, divided by each feature's largest magnitude, or in [0, 1]."""

TRAINED_ON = "trained_on.txt"  # in `folder`: the digest of what is trained there

UNRELATED = {
    *("sampling_strategy", "copies", "random_state"),
    *("folder", "log_dir", "stages", "task", "report"),
}
"""Parameters that decide nothing of the weights, and `random_state`, which does so where it is a number alone."""


def plain(value: Any) -> Any:
    """A parameter as JSON has it, the same for a tuple, a list and an array; a table of numbers as its digest."""
    if value is None or isinstance(value, str):
        return value
    array = np.asarray(value)
    return hashlib.sha256(bytes_of(array)).hexdigest() if array.ndim > 1 else array.tolist()


def bytes_of(array: np.ndarray) -> bytes:
    """Shape and values of an array of numbers, whatever their type."""
    values = np.asarray(array, np.float64)
    return repr(values.shape).encode() + values.tobytes()


def in_run(folder: Path) -> bool:
    """Whether a folder is in a run's, which compares what decides its numbers itself."""
    return any((parent / "run.toml").exists() for parent in folder.resolve().parents)


def claim(folder: Path, digest: str) -> None:
    """Notes in a folder what is trained there, or compares it with what was.

    Raises:
        TfserganError: it is another, or the folder can't be written.
    """
    path = folder / TRAINED_ON
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".trained_on.lock"):  # folds side by side
            if path.exists():
                there = path.read_text(encoding="utf-8").strip()
            else:
                there = digest
                if not begun(folder):
                    write_atomically(path, f"{digest}\n".encode())
    except OSError as error:
        raise TfserganError(
            f"{path}: can't be written or read ({error}). Choose another `folder`."
        ) from error
    if there != digest:
        raise TfserganError(
            f"{path}: what is in this folder was trained on other vectors or labels, or with other parameters, so it "
            "may have seen what is tested now. Give each training set a `folder` of its own (None takes a temporary "
            "one), or delete this one."
        )


def begun(folder: Path) -> bool:
    """Whether a training has left anything in a folder; before there was `TRAINED_ON`, nobody noted of what."""
    return any(next(folder.rglob(name), None) for name in (stages.WEIGHTS, stages.CHECKPOINT))


@dataclass(kw_only=True, eq=False, repr=False)
class GenerativeSampler(Augmenter):
    """Base of the methods as samplers: subclasses give `learn`, and are dataclasses, so that parameters are fields.

    A feature that has one value in all of X has it in the vectors that `fit_resample` adds, too.

    Args:
        sampling_strategy, copies, random_state: as of `tfsergan.augmentation.Augmenter`.
        scaling: what the networks see, one of `SCALINGS`.
        batch_size: vectors in a step.
        epochs: at most.
        updates: train for the epochs that come nearest to so many updates instead; 0 for `epochs`.
        precision: "float32", or "mixed_bfloat16" for matrix products in that type.
        folder: where the training keeps checkpoints and weights; one that was stopped goes on, one that is
            finished is read, and one of other vectors, labels or parameters is refused, so each fold of a
            cross-validation needs its own. A temporary one if None.
        log_dir: TensorBoard logs.
        stages: where runs share what they have trained.
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
        "stages": [None, Stages],
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
    stages: Stages | None = None
    task: str = ""
    report: Report = silent

    @classmethod
    def of(cls: type[Sampler], settings: Mapping[str, Any], **own: Any) -> Sampler:
        """A sampler with those of its parameters that a paper's settings name, and others of one's own.

        How many vectors it adds, `copies`, is no setting of the method.
        """
        named = {name: settings[name] for name in cls().get_params() if name in settings}
        return cls(**{name: value for name, value in named.items() if name != "copies"} | own)

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        self.fit_model(X, y)
        made = self.sample(labels, seed=self.seed_ + 2)
        return np.where(self.fixed(X), X[0], made)  # where nothing varies, the networks' error would be all

    def fixed(self, X: np.ndarray) -> np.ndarray:
        """(d,) bool: which features have one value in all of X (n, d), and so in synthetic vectors too."""
        return np.ptp(X, axis=0) == 0

    def fit_model(self, X: np.ndarray, y: np.ndarray) -> "GenerativeSampler":
        """Trains the networks on vectors (n, d) and their labels (n,), or reads what `folder` holds.

        Raises:
            TfserganError: that was trained on others, or with other parameters.
        """
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 4))
        self.classes_, emotion = np.unique(y, return_inverse=True)
        self.scaler_ = SCALINGS[self.scaling]().fit(X)
        x = np.asarray(self.scaler_.transform(X), np.float32)
        if self.folder and not in_run(Path(self.folder)):
            claim(Path(self.folder), self.digest(X, emotion))
        with tempfile.TemporaryDirectory() as temporary:
            self.model_, self.epochs_ = self.learn(x, emotion, Path(self.folder or temporary))
        return self

    def digest(self, X: np.ndarray, emotion: np.ndarray) -> str:
        """64 hex digits of all that decides the weights: vectors (n, d), emotions (n,), classes and parameters."""
        found = hashlib.sha256()
        seeded = isinstance(self.random_state, Integral)
        seed: dict[str, Any] = {"random_state": self.random_state} if seeded else {}
        own = {name: value for name, value in self.get_params(deep=False).items() if name not in UNRELATED}
        values = {name: plain(value) for name, value in (own | seed).items()}
        text = [type(self).__name__, [str(label) for label in self.classes_], values]
        found.update(json.dumps(text, sort_keys=True).encode())
        for array in (X, emotion):
            found.update(bytes_of(array))
        return found.hexdigest()

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        """The method trained on scaled vectors x (n, d) of emotions (n,), its stages in a folder, and its epochs."""
        raise NotImplementedError

    def train(
        self,
        model: keras.Model,
        batches: training.Batches,
        folder: Path,
        *,
        stage: str = "",
        prefix: str | None = None,
        **options: Any,
    ) -> int:
        """Trains one stage; returns its epochs.

        Args:
            model, batches: what to train, and on what.
            folder: of the method.
            stage: the name of a stage before the last, and of its folder in the method's; it takes as long as
                `pretrain_epochs` and `pretrain_updates` say. Empty for the last.
            prefix: of the parameters that say how long it takes, where it is another.
            options: further ones of `training.train`.
        """
        prefix = ("pretrain_" if stage else "") if prefix is None else prefix
        epochs, updates = (getattr(self, prefix + name) for name in ("epochs", "updates"))
        task = self.task or type(self).__name__.removesuffix("Sampler")
        return training.train(
            model,
            batches,
            training.epochs_of(batches.steps, epochs, updates),
            folder / stage,
            task=f"{task}, {stage}" if stage else task,
            log_dir=Path(self.log_dir) / stage if self.log_dir else None,
            stages=self.stages,
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
        stop_within: undecided: its mean outputs on real and on synthetic vectors are both 0.5 plus or minus this.
        sampling_strategy, copies, random_state, scaling, batch_size, epochs, updates, precision, folder, log_dir,
            stages, task, report: as of `GenerativeSampler`.

    >>> x, y = ADANSampler(copies=10, random_state=0).fit_resample(X, y)  # doctest: +SKIP
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
        one, two, three = (
            FusedAdam(self.learning_rate, beta_1=self.beta_1, epsilon=self.epsilon) for _ in range(3)
        )
        model.compile(
            *(one, two, three),
            discriminator_updates=self.discriminator_updates,
            generator_loss=self.generator_loss,
        )
        batches = training.Labelled(x, emotion, self.batch_size, self.seed_ + 1)
        stop = Undecided(self.stop_after, self.stop_within) if self.stop_after else None
        return model, self.train(model, batches, folder, stop=stop)


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
            stages, task, report: as of `GenerativeSampler`.
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
        optimizers = (self.optimizer(), self.optimizer(), self.optimizer())
        model.compile(*optimizers, encoder_updates=self.encoder_updates)

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
            stages, task, report: as of `GenerativeSampler`.

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
            stages, task, report: as of `GenerativeSampler`.

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


@dataclass(kw_only=True, eq=False, repr=False)
class TwoDomainSampler(GenerativeSampler):
    """Base of the methods that learn from two sets of vectors: the training set, and one without labels.

    Attributes:
        other_: the other set (k, d), scaled by itself, as the papers do.
        other_scaler_: from its vectors to what the networks see.
    """

    def take(self, other: Any, name: str, x: np.ndarray) -> None:
        """Scales the other set, or takes the scaled training vectors x (n, d) where there is none.

        Raises:
            TfserganError: it has other features than the training set, or values that are not finite.
        """
        if other is None:
            self.other_, self.other_scaler_ = x, self.scaler_
            return
        columns, known = getattr(other, "columns", None), getattr(self, "feature_names_in_", None)
        if columns is not None and known is not None and list(columns) != list(known):
            raise TfserganError(f"{name} has other columns than X, or in another order: give it those of X.")
        raw = np.asarray(other, np.float64)
        if raw.ndim != 2 or raw.shape[1] != x.shape[1] or not len(raw):
            raise TfserganError(
                f"{name} has the shape {raw.shape}; expected rows of {x.shape[1]} features, as X."
            )
        if not np.isfinite(raw).all():
            row = int(np.argwhere(~np.isfinite(raw))[0, 0])
            raise TfserganError(f"{name}, row {row}: a value is NaN or infinity. Leave this row out.")
        self.other_scaler_ = SCALINGS[self.scaling]().fit(raw)
        self.other_ = np.asarray(self.other_scaler_.transform(raw), np.float32)

    def drawn(self, emotion: np.ndarray, seed: int) -> np.ndarray:
        """Scaled vectors of the other set, as many as the most frequent of emotions (m,): each once, then again."""
        wanted, rng = int(np.bincount(emotion).max()), np.random.default_rng(seed)
        rounds = -(-wanted // len(self.other_))
        rows = np.concatenate([rng.permutation(len(self.other_)) for _ in range(rounds)])
        return self.other_[rows[:wanted]]


def arranged(made: np.ndarray, emotion: np.ndarray) -> np.ndarray:
    """Of vectors (E, k, d), k of each emotion, one for each of the emotions (m,): each emotion's in their order."""
    vectors = np.empty((len(emotion), made.shape[-1]), made.dtype)
    for i in np.unique(emotion):
        places = np.flatnonzero(emotion == i)
        vectors[places] = made[i, : len(places)]
    return vectors


@dataclass(kw_only=True, eq=False, repr=False)
class EmotionCycleGANSampler(TwoDomainSampler):
    """CycleGAN emotion style transfer (Bao, Neumann & Vu 2019); the defaults are what the paper prints.

    A synthetic vector of a class is a source vector that was carried to that class. Every source vector is carried
    once before any is carried again.

    Args:
        source: (k, d) unlabelled vectors on the scale of X, such as those of a large corpus of speech; None takes the
            training vectors themselves, whatever their class. `sklearn.base.clone` copies them.
        generator_units, discriminator_units, domain_classifier_units: hidden layers.
        dropout, leaky_relu_slope: of generators and discriminators.
        domain_classifier_dropout: of the classifier of generated vectors.
        lambda_cyc, lambda_cls: weights of equation 5.
        real_label: what discriminators aim at on real vectors, and generators on their own.
        generator_updates: for one of the discriminators.
        learning_rate: of Adam; it falls by `decay` every `decay_epochs`, or `decay_updates` unless these are 0.
        pretrain_epochs, pretrain_updates: of the generators alone, as `epochs` and `updates`.
        pretrain_learning_rate: of its Adam.
        sampling_strategy, copies, random_state, scaling, batch_size, epochs, updates, precision, folder, log_dir,
            stages, task, report: as of `GenerativeSampler`; an epoch is as many steps as the smallest set of vectors
            (source, or one class) has full batches.

    Attributes:
        model_: its `transfer(x)` carries scaled source vectors to every class.
        other_, other_scaler_: as of `TwoDomainSampler`, of the source.
        epochs_, scaler_, classes_, seed_: as of `GenerativeSampler`.

    >>> x, y = EmotionCycleGANSampler(source=speech).fit_resample(X, y)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        **GenerativeSampler._parameter_constraints,
        "source": [None, "array-like"],
        **{
            name: ["array-like"]
            for name in ("generator_units", "discriminator_units", "domain_classifier_units")
        },
        **{name: [Interval(Real, 0, 1, closed="left")] for name in ("dropout", "domain_classifier_dropout")},
        "leaky_relu_slope": [Interval(Real, 0, 1, closed="both")],
        **{name: [Interval(Real, 0, None, closed="left")] for name in ("lambda_cyc", "lambda_cls")},
        "real_label": [Interval(Real, 0.5, 1, closed="both")],
        **{
            name: [Interval(Integral, 1, None, closed="left")]
            for name in ("generator_updates", "decay_epochs")
        },
        **{
            name: [Interval(Integral, 0, None, closed="left")]
            for name in ("pretrain_epochs", "pretrain_updates", "decay_updates")
        },
        **{
            name: [Interval(Real, 0, None, closed="neither")]
            for name in ("learning_rate", "pretrain_learning_rate")
        },
        "decay": [Interval(Real, 0, 1, closed="right")],
    }

    source: Any = None
    scaling: str = "min-max"
    batch_size: int = 64
    epochs: int = 2000
    generator_units: Sequence[int] = (1000, 500, 1000)
    discriminator_units: Sequence[int] = (1000, 1000)
    domain_classifier_units: Sequence[int] = (100, 100)
    dropout: float = 0.2
    leaky_relu_slope: float = 0.2
    domain_classifier_dropout: float = 0.5
    lambda_cyc: float = 5.0
    lambda_cls: float = 2.0
    real_label: float = 0.9
    generator_updates: int = 2
    learning_rate: float = 2e-4
    decay: float = 0.8
    decay_epochs: int = 50
    decay_updates: int = 0
    pretrain_epochs: int = 10000
    pretrain_updates: int = 0
    pretrain_learning_rate: float = 2e-4

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        self.take(self.source, "source", x)
        s, size = self.get_params(deep=False), (x.shape[1], len(self.classes_))
        targets = [x[emotion == i] for i in range(len(self.classes_))]
        batches = training.Unpaired(self.other_, targets, self.batch_size, (self.seed_ + 1) % 2**30)
        model = emotion_cycle_gan(s, *size, self.seed_)
        if (self.pretrain_epochs or self.pretrain_updates) and not training.finished(folder):
            pair = CyclePair(*generators(s, *size, self.seed_ + 3))
            pair.compile(FusedAdam(self.pretrain_learning_rate))
            self.train(pair, batches, folder, stage="pretraining")
            model.start_from(pair)
        compile_as_printed(model, s, self.lambda_cls, self.decay_updates or self.decay_epochs * batches.steps)
        return model, self.train(model, batches, folder)

    def sample(self, labels: np.ndarray, seed: int) -> np.ndarray:
        emotion = np.searchsorted(self.classes_, labels)
        made = self.model_.transfer(self.drawn(emotion, seed))
        return self.scaler_.inverse_transform(arranged(made, emotion))


@dataclass(kw_only=True, eq=False, repr=False)
class CCEmoGANSampler(TwoDomainSampler):
    """Conditional cycle emotion GAN between a labelled corpus and another one (Su & Lee 2021).

    The training set is the paper's source; `target` is the unlabelled corpus that a recogniser is to work on.

    Args:
        target: (k, d) unlabelled vectors on the scale of X; None takes the training vectors themselves.
        kind: of the synthetic vectors (sec. 2.2.3). "B": training vectors carried to the target, on its scale; "A":
            there and back again; "C": target vectors carried to the source under the wanted emotion.
        generator_units, discriminator_units: hidden layers.
        generator_batch_norm, batch_norm_momentum, leaky_relu_slope: of the generators' hidden layers.
        lambda_1, lambda_2, lambda_3: weights of equation 7: identity, cycle, emotion.
        penalty: weight of the gradient penalty.
        learning_rate, beta_1: of Adam; the rate falls by `decay` every `decay_updates`.
        pretrain_epochs, pretrain_updates, pretrain_learning_rate: of the generators on the identity loss alone.
        classifier_units, classifier_epochs, classifier_updates, classifier_learning_rate: of F_s, which keeps emotions.
        patience, patience_least: the training stops once the generators' loss has not fallen by this share for so
            many epochs; 0: never.
        sampling_strategy, copies, random_state, scaling, batch_size, epochs, updates, precision, folder, log_dir,
            stages, task, report: as of `GenerativeSampler`; an epoch is a balanced training set.

    Attributes:
        model_: see `tfsergan.methods.su2021.CCEmoGAN`.
        x_, emotion_: the training set, scaled, and its classes as numbers.
        other_, other_scaler_: as of `TwoDomainSampler`, of the target.
        epochs_, scaler_, classes_, seed_: as of `GenerativeSampler`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **GenerativeSampler._parameter_constraints,
        "target": [None, "array-like"],
        "kind": [StrOptions({"A", "B", "C"})],
        **{name: ["array-like"] for name in ("generator_units", "discriminator_units", "classifier_units")},
        "generator_batch_norm": ["boolean"],
        **{name: [Interval(Real, 0, 1, closed="left")] for name in ("batch_norm_momentum", "beta_1")},
        **{name: [Interval(Real, 0, 1, closed="both")] for name in ("leaky_relu_slope", "patience_least")},
        **{
            name: [Interval(Real, 0, None, closed="left")]
            for name in ("lambda_1", "lambda_2", "lambda_3", "penalty")
        },
        **{
            name: [Interval(Real, 0, None, closed="neither")]
            for name in ("learning_rate", "pretrain_learning_rate", "classifier_learning_rate")
        },
        "decay": [Interval(Real, 0, 1, closed="right")],
        **{
            name: [Interval(Integral, 1, None, closed="left")]
            for name in ("decay_updates", "classifier_epochs")
        },
        **{
            name: [Interval(Integral, 0, None, closed="left")]
            for name in ("pretrain_epochs", "pretrain_updates", "classifier_updates", "patience")
        },
    }

    target: Any = None
    kind: str = "B"
    scaling: str = "min-max"
    batch_size: int = 64
    epochs: int = 200
    generator_units: Sequence[int] = (1000, 500, 1000)
    discriminator_units: Sequence[int] = (1000, 500)
    generator_batch_norm: bool = True
    batch_norm_momentum: float = 0.99
    leaky_relu_slope: float = 0.2
    lambda_1: float = 5.0
    lambda_2: float = 10.0
    lambda_3: float = 10.0
    penalty: float = 10.0
    learning_rate: float = 2e-5
    beta_1: float = 0.9
    decay: float = 1.0
    decay_updates: int = 1000
    pretrain_epochs: int = 50
    pretrain_updates: int = 0
    pretrain_learning_rate: float = 2e-5
    classifier_units: Sequence[int] = (500, 100)
    classifier_epochs: int = 15
    classifier_updates: int = 0
    classifier_learning_rate: float = 2e-4
    patience: int = 10
    patience_least: float = 0.0

    def learn(self, x: np.ndarray, emotion: np.ndarray, folder: Path) -> tuple[keras.Model, int]:
        self.take(self.target, "target", x)
        self.x_, self.emotion_ = x, emotion
        s, (d, k), seeds = self.get_params(deep=False), (x.shape[1], len(self.classes_)), [self.seed_]
        rows = balanced_rows(emotion, self.seed_ + 1)[None]
        batches = training.SourceAndTarget(
            x, emotion, self.other_, rows, self.batch_size, [(self.seed_ + 1) % 2**30]
        )
        networks = *cycle_gan.generators(s, d, k, seeds), *cycle_gan.discriminators(s, d, seeds)
        model = CCEmoGAN(*networks, self.classifier(x, k, batches, folder), seed=self.seed_)
        if (self.pretrain_epochs or self.pretrain_updates) and not training.finished(folder):
            before = cycle_gan.Translators(*cycle_gan.generators(s, d, k, [self.seed_ + 3]))
            before.compile(self.adam(self.pretrain_learning_rate))
            self.train(before, batches, folder, stage="pretraining")
            model.start_from(before)
        weights = {name: s[name] for name in ("lambda_1", "lambda_2", "lambda_3", "penalty")}
        rate = step_decay(self.learning_rate, self.decay, self.decay_updates)
        model.compile(self.adam(rate), self.adam(rate), **weights)
        stop = training.Patience(model, "generator_loss", self.patience, self.patience_least)
        return model, self.train(model, batches, folder, stop=stop if self.patience else None)

    def classifier(
        self, x: np.ndarray, classes: int, batches: training.SourceAndTarget, folder: Path
    ) -> keras.Model:
        """F_s, trained on the balanced training set."""
        s = {"units": self.classifier_units, "batch_norm": True, "precision": self.precision}
        s["batch_norm_momentum"] = self.batch_norm_momentum
        model = EmotionClassifier(emotion_classifier(s, x.shape[1], classes, [self.seed_ + 2]))
        model.compile(self.adam(self.classifier_learning_rate))
        self.train(model, batches, folder, stage="classifier", prefix="classifier_")
        return model.classifier_F

    def adam(self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule) -> FusedAdam:
        return FusedAdam(learning_rate, beta_1=self.beta_1)

    def fixed(self, X: np.ndarray) -> np.ndarray:
        """None of type B, whose vectors vary as the target's."""
        return super().fixed(X) & (self.kind != "B")

    def sample(self, labels: np.ndarray, seed: int) -> np.ndarray:
        emotion = np.searchsorted(self.classes_, labels)
        if self.kind == "C":
            made = self.model_.type_c(self.drawn(emotion, seed))[0][0]
            made = arranged(made.reshape(len(self.classes_), -1, made.shape[-1]), emotion)
        else:
            x = self.x_[rows_over_and_over(self.emotion_, emotion)]
            made = (self.model_.type_b(x) if self.kind == "B" else self.model_.type_a(x, emotion))[0]
        return (self.other_scaler_ if self.kind == "B" else self.scaler_).inverse_transform(made)
