"""cmu_mosei: segments of YouTube videos rated for six emotions and sentiment, from the SDK's labels and audio."""

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.cmu_mosei import layout
from tfsergan.datasets.common import SpeechBuilder, feature_configs


class Builder(SpeechBuilder):
    """Prepares CMU-MOSEI from `<manual_dir>/cmu_mosei`; beside one label, every rating is in the examples."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Get labels and audio of http://multicomp.cs.cmu.edu as {layout.LAYOUT}; see README.md."
    )
    homepage = "http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)
    extra = dict.fromkeys(layout.RATINGS, np.float32)
