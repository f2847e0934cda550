"""iemocap: the USC interactive emotional dyadic motion capture corpus, from its release."""

from types import MappingProxyType

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, feature_configs
from tfsergan.datasets.iemocap import layout


class Builder(SpeechBuilder):
    """Prepares IEMOCAP from `<manual_dir>/iemocap`; the emotion is the raters' consensus."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Ask for IEMOCAP at https://sail.usc.edu/iemocap and unpack it as {layout.LAYOUT}; see README.md."
    )
    homepage = "https://sail.usc.edu/iemocap"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)
    extra = MappingProxyType({"raters": tfds.features.Text()})
