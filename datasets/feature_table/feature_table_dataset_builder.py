"""TFDS builder for any corpus that comes as a table of features; see README.md beside it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.feature_table import tables
from tfsergan.progress import Report, silent


@dataclasses.dataclass(eq=False, kw_only=True)
class FeatureTableConfig(tfds.core.BuilderConfig):
    """One feature set of one corpus, e.g. `FeatureTableConfig(name="iemocap-is10", table=path)`."""

    table: str = ""  # the .parquet, .csv or .arff file


class Builder(tfds.core.GeneratorBasedBuilder):
    """One example an utterance: who speaks, in which session, the emotion, and the features.

    Args:
        config: a `FeatureTableConfig`; there is none by default.

    Raises:
        TfserganError: the table is missing or wrong; from the constructor for its header, from
            `download_and_prepare` for its rows.
    """

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version.", "1.1.0": "Parts and ratings."}  # noqa: RUF012  (TFDS reads a plain dict)
    # TFDS would look beside the package's root, which an editable install keeps elsewhere.
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent

    report: Report = staticmethod(silent)
    jobs: int = 1  # one process reads a table

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the entries of `features`, in order."""
        return tuple(self.info.metadata["feature_names"])

    def _log_download_bytes(self) -> None:
        """Nothing: TFDS would print on standard output."""

    def _log_download_done(self) -> None:
        """Nothing: TFDS would print on standard output."""

    def _info(self) -> tfds.core.DatasetInfo:
        names = tables.feature_names(Path(self.builder_config.table))
        text = tfds.features.Text()
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "utterance": text,
                    "speaker": text,
                    "session": text,
                    "gender": text,
                    "emotion": text,
                    "part": text,
                    **dict.fromkeys(tables.RATINGS, tf.float32),
                    "features": tfds.features.Tensor(shape=(len(names),), dtype=tf.float32),
                }
            ),
            metadata=tfds.core.MetadataDict(feature_names=list(names)),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # the config names the file, so that its faults are told in full
        return {"train": self._generate_examples(tables.read_table(Path(self.builder_config.table)))}

    def _generate_examples(self, table: tables.FeatureTable) -> Iterator[tuple[str, dict]]:
        n = len(table.ids)
        for i, utterance in enumerate(table.ids):
            if i % 100 == 0:
                self.report(f"Preparing {self.builder_config.name}", i, n)
            yield (
                str(utterance),
                {
                    "utterance": str(utterance),
                    "speaker": str(table.speaker[i]),
                    "session": str(table.session[i]),
                    "gender": str(table.gender[i]),
                    "emotion": str(table.emotion[i]),
                    "part": str(table.part[i]),
                    **{name: values[i] for name, values in table.ratings.items()},
                    "features": table.x[i],
                },
            )
        self.report(f"Preparing {self.builder_config.name}", n, n)
