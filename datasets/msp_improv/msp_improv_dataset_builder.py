"""msp_improv: the MSP-IMPROV corpus of acted dyadic interactions, from its release."""

from types import MappingProxyType

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets.common import SpeechBuilder, feature_configs
from tfsergan.datasets.msp_improv import layout


class Builder(SpeechBuilder):
    """Prepares MSP-IMPROV from `<manual_dir>/msp_improv`; the emotion is the raters' consensus."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Ask for MSP-IMPROV at https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html and unpack it "
        f"as {layout.LAYOUT}; see README.md."
    )
    homepage = "https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html"
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent
    LAYOUT = layout.LAYOUT
    scan = staticmethod(layout.scan)
    extra = MappingProxyType(
        {name: tfds.features.Text() for name in ("scenario", "target_speaker", "raters")}
    )
