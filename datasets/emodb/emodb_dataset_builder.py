"""emodb: the Berlin database of emotional speech, from its own wav files."""

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, feature_config
from tfsergan.datasets.emodb import layout


class Builder(SpeechBuilder):
    """Prepares EmoDB from `<manual_dir>/emodb`; the label is the letter in the file's name."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version.", "1.1.0": "Parts and ratings."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = [feature_config(name) for name in ("is10", "is09", "is11", "is13", "audio")]  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Unpack the archive of http://emodb.bilderbar.info as {layout.LAYOUT}; see README.md."
    )
    homepage = "http://emodb.bilderbar.info"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)
