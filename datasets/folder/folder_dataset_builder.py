"""folder: a user's own corpus, from audio files and a table about them; see README.md beside it."""

import dataclasses
from collections.abc import Iterator

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets import metadata
from tfsergan.datasets.common import SpeechBuilder, SpeechConfig, corpus_folder
from tfsergan.datasets.folder import layout
from tfsergan.datasets.layout import read
from tfsergan.errors import CorpusNotFound


@dataclasses.dataclass(eq=False)
class FolderConfig(SpeechConfig):
    """One form of one corpus, e.g. `FolderConfig(name="lab-is10", corpus="lab", features="is10")`.

    Attributes:
        corpus: the corpus's folder in the manual directory.
    """

    corpus: str = ""


class Builder(SpeechBuilder):
    """Prepares the corpus of its config from `<manual_dir>/<corpus>`; there is no default config."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Bring your own corpus as {layout.LAYOUT}; see README.md."
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        corpus = self.builder_config.corpus
        folder = corpus_folder(dl_manager, corpus, self.LAYOUT)
        if metadata.find(folder) is None:
            raise CorpusNotFound(f"The corpus {corpus} was not found: {folder} holds none of {self.LAYOUT}.")
        scan = self.scan(folder)
        if not (self.allow_partial and scan.utterances):
            scan.require_whole()
        return {self.split: self._examples(scan.utterances, read, corpus)}
