"""The papers' generative methods as imbalanced-learn samplers: `ADANSampler(copies=10).fit_resample(X, y)`."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from tfsergan import training
from tfsergan.augmentation import Augmenter
from tfsergan.methods.yi2019 import INVERTED, SATURATING, adan
from tfsergan.optimizers import FusedAdam
from tfsergan.progress import Report, silent

SCALINGS: dict[str, Callable] = {
    "none": FunctionTransformer,
    "z-norm": StandardScaler,
    "largest magnitude": MaxAbsScaler,
}
"""What the networks see: the vectors as they are, z-normed, or divided by each feature's largest magnitude."""


class ADANSampler(Augmenter):
    """Adversarial data augmentation network (Yi & Mak 2019); the defaults are what the paper prints.

    Args:
        sampling_strategy, copies, random_state: as of `tfsergan.augmentation.Augmenter`.
        latent: dimension of the latent vectors and of the noise.
        autoencoder_units: hidden layers of encoder and decoder.
        other_units: hidden layers of the other networks.
        activation: of the hidden layers, "tanh" or "leaky_relu".
        leaky_relu_slope: of that activation.
        scaling: one of `SCALINGS`.
        discriminator_updates: M, for one update of the other networks.
        generator_loss: "equation 6" or "equation 5".
        learning_rate, beta_1, epsilon: of Adam.
        batch_size: vectors in a step.
        epochs: at most.
        updates: train for the epochs that come nearest to so many updates instead; 0 for `epochs`.
        stop_after: epochs after which the training stops once the discriminator is undecided; 0: never.
        stop_within: undecided: its mean output on real and synthetic vectors is 0.5 plus or minus this.
        precision: "float32", or "mixed_bfloat16" for matrix products in that type.
        folder: where the training keeps checkpoints and weights; one that was stopped goes on, one that is
            finished is read. A temporary one if None.
        log_dir: TensorBoard logs.
        task: name in progress and errors.
        report: told of progress.

    Attributes:
        model_: the trained `ADAN`.
        epochs_: for which it was trained.
        scaler_: from vectors to what the networks see.
        classes_: labels in the order of the networks' emotions.
    """

    _parameter_constraints: dict = {  # noqa: RUF012  (scikit-learn's way)
        **Augmenter._parameter_constraints,
        **{
            name: [Interval(Integral, 1, None, closed="left")]
            for name in ("latent", "discriminator_updates", "batch_size", "epochs")
        },
        "autoencoder_units": ["array-like"],
        "other_units": ["array-like"],
        "activation": [StrOptions({"tanh", "leaky_relu"})],
        "leaky_relu_slope": [Interval(Real, 0, 1, closed="both")],
        "scaling": [StrOptions(set(SCALINGS))],
        "generator_loss": [StrOptions({INVERTED, SATURATING})],
        **{name: [Interval(Real, 0, None, closed="neither")] for name in ("learning_rate", "epsilon")},
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "updates": [Interval(Integral, 0, None, closed="left")],
        "precision": [StrOptions({"float32", "mixed_bfloat16"})],
        "stop_after": [Interval(Integral, 0, None, closed="left")],
        "stop_within": [Interval(Real, 0, 0.5, closed="both")],
        "folder": [None, str, Path],
        "log_dir": [None, str, Path],
        "task": [str],
        "report": [callable],
    }

    def __init__(
        self,
        *,
        sampling_strategy="auto",
        copies: int | None = None,
        random_state=None,
        latent: int = 100,
        autoencoder_units: Sequence[int] = (800, 800),
        other_units: Sequence[int] = (100, 100),
        activation: str = "tanh",
        leaky_relu_slope: float = 0.2,
        scaling: str = "z-norm",
        discriminator_updates: int = 1,
        generator_loss: str = INVERTED,
        learning_rate: float = 1e-4,
        beta_1: float = 0.9,
        epsilon: float = 1e-7,
        batch_size: int = 128,
        epochs: int = 500,
        updates: int = 0,
        stop_after: int = 0,
        stop_within: float = 0.01,
        precision: str = "float32",
        folder: str | Path | None = None,
        log_dir: str | Path | None = None,
        task: str = "ADAN",
        report: Report = silent,
    ):
        super().__init__(sampling_strategy=sampling_strategy, copies=copies, random_state=random_state)
        self.latent = latent
        self.autoencoder_units = autoencoder_units
        self.other_units = other_units
        self.activation = activation
        self.leaky_relu_slope = leaky_relu_slope
        self.scaling = scaling
        self.discriminator_updates = discriminator_updates
        self.generator_loss = generator_loss
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.epsilon = epsilon
        self.batch_size = batch_size
        self.epochs = epochs
        self.updates = updates
        self.stop_after = stop_after
        self.stop_within = stop_within
        self.precision = precision
        self.folder = folder
        self.log_dir = log_dir
        self.task = task
        self.report = report

    def synthesize(self, X: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        self.fit_model(X, y)
        return self.sample(labels, seed=self.seed_ + 2)

    def fit_model(self, X: np.ndarray, y: np.ndarray) -> "ADANSampler":
        """Trains the networks on vectors (n, d) and their labels (n,), or reads what `folder` holds."""
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 4))
        self.classes_, emotion = np.unique(y, return_inverse=True)
        self.scaler_ = SCALINGS[self.scaling]().fit(X)
        self.model_ = adan(self.get_params(), X.shape[1], len(self.classes_), self.seed_)
        self.model_.compile(
            *(FusedAdam(self.learning_rate, beta_1=self.beta_1, epsilon=self.epsilon) for _ in range(3)),
            discriminator_updates=self.discriminator_updates,
            generator_loss=self.generator_loss,
        )
        x = np.asarray(self.scaler_.transform(X), np.float32)
        batches = training.Labelled(x, emotion, self.batch_size, self.seed_ + 1)
        with tempfile.TemporaryDirectory() as temporary:
            self.epochs_ = training.train(
                self.model_,
                batches,
                max(1, round(self.updates / batches.steps)) if self.updates else self.epochs,
                Path(self.folder or temporary),
                task=self.task,
                log_dir=Path(self.log_dir) if self.log_dir else None,
                stop=self.undecided if self.stop_after else None,
                report=self.report,
            )
        return self

    def undecided(self, epoch: int, logs: Mapping[str, float]) -> bool:
        """Whether the discriminator tells real from synthetic no more, late enough in the training."""
        mean = (logs["D_real"] + logs["D_fake"]) / 2
        return epoch >= self.stop_after and abs(mean - 0.5) <= self.stop_within

    def sample(self, labels: np.ndarray, seed: int) -> np.ndarray:
        """Synthetic vectors (m, d) of the classes `labels` (m,), of the trained model, on the scale of X."""
        emotion = np.searchsorted(self.classes_, labels)
        return self.scaler_.inverse_transform(self.model_.synthesize(emotion, seed))
