"""demo_speech: emotional, unlabelled and cross-corpus speech, synthesised on the spot."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from tfsergan.datasets import layout
from tfsergan.datasets.common import SpeechBuilder, SpeechConfig, feature_configs
from tfsergan.datasets.demo_speech import script
from tfsergan.datasets.demo_speech.synthesis import espeakng_loader, synthesize


@dataclasses.dataclass(eq=False)
class DemoSpeechConfig(SpeechConfig):
    """A form and size of the demo corpus.

    Attributes:
        takes: sentences that a speaker says in each emotion; all of the script if None.
        seed: of everything random in it.
    """

    takes: int | None = None
    seed: int = 0


class Builder(SpeechBuilder):
    """Builds the demo corpus; needs the extra `tfsergan[demo]` and nothing from the network."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version.", "1.1.0": "Parts and ratings."}  # noqa: RUF012  (TFDS reads a plain dict)
    BUILDER_CONFIGS = feature_configs(DemoSpeechConfig)
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        espeakng_loader()  # before 480 utterances fail one by one for want of it
        return {part: self._generate_examples(part) for part in script.PARTS}

    def _generate_examples(self, part: str) -> Iterator[tuple[str, dict[str, Any]]]:
        utterances = script.PARTS[part](self.builder_config.takes)
        read = functools.partial(synthesize, seed=self.builder_config.seed)
        return self._examples(utterances, read, f"demo/{part}", _described)


def _described(utterance: script.Utterance) -> layout.Utterance:
    return layout.Utterance(
        id=utterance.id,
        speaker=utterance.voice.speaker,
        session=utterance.session,
        gender=utterance.voice.gender,
        emotion=utterance.emotion,
        part=utterance.part,
        text=utterance.text,
    )
