"""emodb: the Berlin database of emotional speech, from its own wav files."""

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, feature_configs
from tfsergan.datasets.emodb import layout


class Builder(SpeechBuilder):
    """Prepares EmoDB from `<manual_dir>/emodb`; the label is the letter in the file's name."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version.", "1.1.0": "Parts and ratings."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Unpack the archive of http://emodb.bilderbar.info as {layout.LAYOUT}; see README.md."
    )
    homepage = "http://emodb.bilderbar.info"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)
