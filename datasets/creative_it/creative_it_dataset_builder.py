"""creative_it: the USC CreativeIT corpus of theatrical improvisations, rated continuously in time."""

from types import MappingProxyType

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, feature_configs
from tfsergan.datasets.creative_it import layout


class Builder(SpeechBuilder):
    """Prepares USC CreativeIT from `<manual_dir>/creative_it`; ratings are means over an utterance."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Ask for USC CreativeIT at https://sail.usc.edu/CreativeIT/ImprovRelease.htm and arrange it as "
        f"{layout.LAYOUT}; see README.md."
    )
    homepage = "https://sail.usc.edu/CreativeIT"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)
    extra = MappingProxyType({"raters": tfds.features.Text()})
