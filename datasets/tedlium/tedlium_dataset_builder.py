"""tedlium: the segments of TED-LIUM release 2's training part, unlabelled, from its own SPH and STM files."""

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, feature_configs
from tfsergan.datasets.tedlium import layout


class Builder(SpeechBuilder):
    """Prepares TED-LIUM from `<manual_dir>/tedlium`; there are no emotions."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Unpack the archive of https://www.openslr.org/19/ as {layout.LAYOUT}; see README.md."
    )
    homepage = "https://www.openslr.org/19/"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    split = "source"
    scan = staticmethod(layout.scan)
