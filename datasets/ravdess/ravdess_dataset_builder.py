"""ravdess: the spoken part of the Ryerson audio-visual database, from its own wav files."""

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, feature_configs
from tfsergan.datasets.ravdess import layout


class Builder(SpeechBuilder):
    """Prepares RAVDESS from `<manual_dir>/ravdess`; everything is in the files' names."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Unpack Audio_Speech_Actors_01-24.zip of https://zenodo.org/records/1188976 as "
        f"{layout.LAYOUT}; see README.md."
    )
    homepage = "https://zenodo.org/records/1188976"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)
    extra = {"intensity": tfds.features.Text(), "repetition": np.int32}  # noqa: RUF012  (of TFDS's classes)
