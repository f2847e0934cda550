"""What the builders of speech corpora share: features, configs, progress, and finding the corpus."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import shuffle

from tfsergan.datasets import layout
from tfsergan.errors import CorpusNotFound
from tfsergan.features import extraction, frames, functionals
from tfsergan.features.audio import SAMPLE_RATE, Recording
from tfsergan.progress import Report, silent

CONFIGS = ("is10", "is09", "is11", "is13", "logmel", "audio")
"""The features of every speech corpus; the first is the default."""

CACHE = "feature_cache"  # folder in the data dir
BUFFER = 64 << 20  # bytes of examples that are sorted in memory; a larger split is sorted in files

TEXT = ("utterance", "speaker", "session", "gender", "emotion", "part", "text")
RATINGS = ("valence", "activation", "dominance")
"""What every example has beside its audio or features: text, and numbers that are NaN where there is no rating."""

Item = TypeVar("Item")


@dataclasses.dataclass(eq=False)
class SpeechConfig(tfds.core.BuilderConfig):
    """A form that a corpus is prepared in.

    Attributes:
        features: see `extraction.FEATURES`.
    """

    features: str = "is10"


def feature_config(features: str, cls: type[SpeechConfig] = SpeechConfig, **arguments: Any) -> SpeechConfig:
    """The config named after `features`; `arguments` go to `cls`."""
    if features == "audio":
        description = "Audio, 16 kHz mono, 16 bit."
    elif speed := extraction.speed_of(features):
        description = (
            f"{frames.BANDS} log-mel bands, NCCF, f0 and log energy; {frames.WINDOW} ms windows every "
            f"{frames.HOP} ms{'' if speed == 1 else f' of the audio at {speed:g} times its speed'}."
        )
    else:
        size = functionals.FEATURE_SETS[features]
        description = f"openSMILE {features.upper()} functionals ({size}), raw."
    return cls(name=features, features=features, description=description, **arguments)


def feature_configs(cls: type[SpeechConfig] = SpeechConfig, **arguments: Any) -> list[SpeechConfig]:
    """A config for each of `CONFIGS`; `arguments` go to `cls`."""
    return [feature_config(features, cls, **arguments) for features in CONFIGS]


class SpeechBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder of utterances with speaker, session and emotion, as audio, functionals or frames.

    Functionals and frames go through a cache, `<data_dir>/feature_cache`: a build that was stopped, or a
    corpus that has grown, only extracts what is not there yet. It stays when the set is built, and holds about
    as much; it may be removed at any time.

    Set `report`, `jobs`, `allow_partial` and `beam` on an instance before `download_and_prepare`. Subclasses set
    `code_path` and `pkg_dir_path` (an editable install would look in the wrong folder), `homepage`, and, for a
    corpus in the manual directory, `scan` and `LAYOUT`.

    Attributes:
        report: told about synthesis and extraction as they go on.
        jobs: processes; all cores if None.
        allow_partial: take a corpus that is not whole.
        beam: pipeline options of Apache Beam, which then fills the cache; processes here if None.
        homepage: of the corpus.
        LAYOUT: the files that belong in the corpus's folder, for messages.
        split: the name of the one split.
        extra: TFDS features of this corpus's own, filled from `Utterance.extra`.
    """

    report: Report = staticmethod(silent)
    jobs: int | None = None
    allow_partial: bool = False
    beam: str | None = None
    homepage: str | None = None
    LAYOUT: str = ""
    split: str = "labelled"
    extra: Mapping[str, tfds.features.FeatureConnector] = MappingProxyType({})

    @staticmethod
    def scan(folder: Path) -> layout.Scan:
        """Reads the corpus's folder."""
        raise NotImplementedError

    @classmethod
    def config_of(cls, features: str) -> SpeechConfig:
        """A config like those that the builder lists, of features that it does not, such as "logmel-0.9"."""
        return feature_config(features, type(cls.BUILDER_CONFIGS[0]))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of `features`' columns, () for audio; once built, it needs no openSMILE."""
        if "feature_names" in self.info.metadata.keys():  # noqa: SIM118  (keys() reads the file, `in` does not)
            return tuple(self.info.metadata["feature_names"])
        return extraction.column_names(self.builder_config.features)

    def download_and_prepare(self, **arguments: Any) -> None:
        """As TFDS does, in little memory and without its progress bars: `report` is told instead."""
        tfds.disable_progress_bar()
        with _small_buffer():
            super().download_and_prepare(**arguments)

    def _log_download_bytes(self) -> None:
        """Nothing: TFDS would print on standard output."""

    def _log_download_done(self) -> None:
        """Nothing: TFDS would print on standard output."""

    def _info(self) -> tfds.core.DatasetInfo:
        features = self.builder_config.features
        if features == "audio":
            content = {"audio": tfds.features.Audio(shape=(None,), dtype=np.int16, sample_rate=SAMPLE_RATE)}
        else:
            of_frames = extraction.speed_of(features)
            shape = (None, len(frames.NAMES)) if of_frames else (functionals.FEATURE_SETS[features],)
            content = {"features": tfds.features.Tensor(shape=shape, dtype=np.float32)}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    **{name: tfds.features.Text() for name in TEXT},
                    **dict.fromkeys(RATINGS, np.float32),
                    **self.extra,
                    **content,
                }
            ),
            homepage=self.homepage,
            metadata=tfds.core.MetadataDict(),
        )

    @property
    def corpus(self) -> str:
        """The name of the corpus, and of its folder in the manual directory."""
        return self.name

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        scan = self.scan(corpus_folder(dl_manager, self.corpus, self.LAYOUT))
        if not (scan.utterances or scan.problems):
            raise CorpusNotFound(
                f"The corpus {self.corpus} was not found: {scan.folder} holds none of {self.LAYOUT}."
            )
        if not (self.allow_partial and scan.utterances):
            scan.require_whole()
        return {self.split: self._generate_examples(scan.utterances)}

    def _generate_examples(
        self, utterances: Sequence[layout.Utterance]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._examples(utterances, layout.read, self.corpus)

    def _examples(
        self,
        items: Sequence[Item],
        read: Callable[[Item], Recording],
        task: str,
        describe: Callable[[Item], layout.Utterance] = lambda utterance: utterance,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """An example for each item, keyed by its utterance.

        Args:
            items: whatever `read` takes; picklable, and named by `str` in error messages.
            read: gives an item's audio, in a process of its own.
            task: names this part of the corpus to `report`.
            describe: gives an item's utterance.
        """
        features = self.builder_config.features
        content = "audio" if features == "audio" else "features"
        if content == "features":
            self.info.metadata["feature_names"] = list(extraction.column_names(features))
        arrays = extraction.extract(
            items,
            features,
            cache=Path(self.data_dir_root) / CACHE if content == "features" else None,
            beam_options=self.beam,
            jobs=self.jobs,
            report=self.report,
            read=read,
            task=f"{task}: {features}",
        )
        for item, array in zip(items, arrays, strict=True):
            utterance = describe(item)
            texts = {"utterance": utterance.id} | {name: getattr(utterance, name) for name in TEXT[1:]}
            ratings = {name: np.float32(getattr(utterance, name)) for name in RATINGS}
            yield utterance.id, {**texts, **ratings, **utterance.extra, content: array}


@contextlib.contextmanager
def _small_buffer() -> Iterator[None]:
    """TFDS would hold up to 1 GB of examples in memory; what it builds is the same with less."""
    usual = shuffle.MAX_MEM_BUFFER_SIZE
    shuffle.MAX_MEM_BUFFER_SIZE = min(usual, BUFFER)
    try:
        yield
    finally:
        shuffle.MAX_MEM_BUFFER_SIZE = usual


def corpus_folder(dl_manager: tfds.download.DownloadManager, name: str, layout: str) -> Path:
    """The folder `name` of the manual directory.

    Args:
        name: the corpus's folder.
        layout: the files that belong there, for the message.

    Raises:
        CorpusNotFound: there is no manual directory, or no such folder in it.
    """
    try:
        folder = Path(dl_manager.manual_dir) / name
    except AssertionError as error:  # how TFDS says that the directory is not there, or empty
        raise CorpusNotFound(
            f"The corpus {name} was not found: the folder of corpora is not there or is empty. Put it "
            f"there as {layout}, and name that folder with --manual-dir or TFSERGAN_MANUAL_DIR."
        ) from error
    if not folder.is_dir():
        raise CorpusNotFound(
            f"The corpus {name} was not found: there is no folder {folder}. Put the corpus there as {layout}."
        )
    return folder
