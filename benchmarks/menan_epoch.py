"""How long Li et al.'s MEnAN takes for an epoch of an EmoDB fold: tfsergan beside PyTorch, interleaved.

pip install ".[bench]"
python benchmarks/menan_epoch.py               # a table of times, ratios and memory; epochs an hour from these
python benchmarks/menan_epoch.py --seconds 14 --batch 16     # the paper's lengths and batches
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import race


@dataclass(frozen=True)
class Setup:
    """Four emotions of EmoDB without a pair of speakers, at three speeds: some 280 utterances each."""

    utterances: int = 840
    seconds: float = 3.0
    channels: int = 43
    emotions: int = 4
    speakers: int = 8
    batch: int = 64
    learning_rate: float = 3e-3
    threads: int = 1

    @property
    def frames(self) -> int:
        """A frame every 10 ms."""
        return round(100 * self.seconds)

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames (n, T, D) as z-normed ones, emotions (n,) and speakers (n,)."""
        x = np.random.default_rng(0).standard_normal((self.utterances, self.frames, self.channels))
        rows = np.arange(self.utterances, dtype=np.int32)
        return x.astype(np.float32), rows % self.emotions, rows % self.speakers


TABLE_1 = {
    "filters": (32, 32),
    "kernels": (10, 5),
    "strides": (2, 2),
    "recurrent_units": 32,
    "classifier_units": (32, 10),
}


def tfsergan_epoch(setup: Setup) -> tuple[Callable, Callable]:
    """An epoch as a run trains it: `fit` on `training.Utterances`."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
    from tfsergan import training
    from tfsergan.methods.li2020 import build
    from tfsergan.optimizers import FusedAdam
    from tfsergan.ragged import Ragged

    sizes = (setup.frames, setup.channels, setup.emotions, setup.speakers)
    model = build("Proposed MEnAN", TABLE_1, *sizes, seed=0)
    model.compile(FusedAdam(setup.learning_rate), FusedAdam(setup.learning_rate))
    x, *labels = setup.data()
    batches = training.Utterances(Ragged.of(list(x)), labels, setup.frames, setup.batch, seed=0)
    steps = iter(batches.dataset(0, 1_000_000))
    model.make_train_function()

    def epoch() -> None:
        for _ in range(batches.steps):
            model.train_function(steps)

    return epoch, model.get_weights


def torch_epoch(setup: Setup, compiled: bool = False) -> tuple[Callable, Callable]:
    """The same in PyTorch with its own GRU and fused Adam; one pass of ENC serves SC's step and ENC's."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(setup.threads)
    torch.manual_seed(0)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolutions = nn.Sequential(
                *(nn.Conv1d(setup.channels, 32, 10, stride=2), nn.PReLU()),
                *(nn.Conv1d(32, 32, 5, stride=2), nn.PReLU()),
            )
            self.gru = nn.GRU(32, 32, batch_first=True)
            self.dense = nn.Sequential(nn.Linear(32, 32), nn.PReLU())

        def forward(self, x):
            h, _ = self.gru(self.convolutions(x.transpose(1, 2)).transpose(1, 2))
            h = self.dense(h)
            return torch.cat([h.mean(1), h.std(1, correction=0), h.amax(1)], dim=1)

    def classifier(classes: int) -> nn.Module:
        hidden = (nn.Linear(96, 32), nn.PReLU(), nn.Linear(32, 10), nn.PReLU())
        return nn.Sequential(*hidden, nn.Linear(10, classes))

    ENC, EC, SC = Encoder(), classifier(setup.emotions), classifier(setup.speakers)
    adam = partial(torch.optim.Adam, lr=setup.learning_rate, fused=True)
    of_SC, of_E = adam(SC.parameters()), adam([*ENC.parameters(), *EC.parameters()])
    x_all, e_all, k_all = (torch.from_numpy(part) for part in setup.data())
    e_all, k_all = e_all.long(), k_all.long()

    def speaker_loss(v, k):
        return F.cross_entropy(SC(v), k)

    def emotion_loss(v, e):
        p = F.log_softmax(SC(v), dim=1)
        return 0.5 * F.cross_entropy(EC(v), e) + 0.5 * (p.exp() * p).sum(dim=1).mean()

    if compiled:
        ENC, speaker_loss, emotion_loss = map(torch.compile, (ENC, speaker_loss, emotion_loss))

    def epoch() -> None:
        for rows in torch.randperm(setup.utterances).split(setup.batch):
            v = ENC(x_all[rows])
            of_SC.zero_grad()
            speaker_loss(v.detach(), k_all[rows]).backward()
            of_SC.step()
            of_E.zero_grad()
            emotion_loss(v, e_all[rows]).backward()
            of_E.step()

    return epoch, list


CONTESTANTS = {
    race.OURS: tfsergan_epoch,
    "PyTorch eager": torch_epoch,
    "torch.compile": partial(torch_epoch, compiled=True),
}


def main() -> None:
    parser = race.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of an utterance (default 3)")
    parser.add_argument("--batch", type=int, default=64, help="utterances in a step (default 64)")
    args = parser.parse_args()
    race.prepare()
    setup = Setup(threads=args.threads, seconds=args.seconds, batch=args.batch)
    race.run(CONTESTANTS, setup, args, 1, asdict(setup), "an epoch")


if __name__ == "__main__":
    main()
