"""folder: a user's own corpus, from audio files and a table about them; see README.md beside it."""

import dataclasses

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, SpeechConfig
from tfsergan.datasets.folder import layout


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

    @property
    def corpus(self) -> str:
        """The name of the corpus, and of its folder in the manual directory."""
        return self.builder_config.corpus
