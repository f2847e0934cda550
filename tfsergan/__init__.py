"""Adversarial methods for speech emotion recognition, reproduced paper by paper.

The nouns of the Python API are here, each imported when it is first used, so that `import tfsergan` takes no time:

- `load_corpus(name)`: a corpus as arrays, a `Corpus`.
- Samplers for pipelines of imbalanced-learn, one a generative method: `ADANSampler().fit_resample(X, y)`.
- The methods themselves, `keras.Model`s with a `train_step`: `ADAN`, `EmotionCycleGAN`, ...
- `synthesize(model, features)`: synthetic vectors, `Synthetic`, from an exported generator or a run.
- `score(truth, predicted, speakers)`: UAR, WA and the interval over speakers, a `Score`.
- `TfserganError`: what all of it raises where input, data or a file is wrong.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfsergan.corpora import Corpus
    from tfsergan.corpora import load as load_corpus
    from tfsergan.errors import TfserganError
    from tfsergan.methods.bao2019 import EmotionCycleGAN
    from tfsergan.methods.latif2020 import MixupGAN
    from tfsergan.methods.li2020 import MEnAN
    from tfsergan.methods.sahu2017 import AAE
    from tfsergan.methods.sahu2018 import ConditionalGAN, VanillaGAN
    from tfsergan.methods.su2021 import CCEmoGAN
    from tfsergan.methods.yi2019 import ADAN
    from tfsergan.metrics import Score, score
    from tfsergan.samplers import (
        AAESampler,
        ADANSampler,
        CCEmoGANSampler,
        ConditionalGANSampler,
        EmotionCycleGANSampler,
        MixupGANSampler,
        VanillaGANSampler,
    )
    from tfsergan.synthesis import Synthetic, synthesize

    __version__: str

_PLACES = {
    "load_corpus": "corpora.load",
    "Corpus": "corpora.Corpus",
    "synthesize": "synthesis.synthesize",
    "Synthetic": "synthesis.Synthetic",
    "score": "metrics.score",
    "Score": "metrics.Score",
    "TfserganError": "errors.TfserganError",
    "EmotionCycleGAN": "methods.bao2019.EmotionCycleGAN",
    "MixupGAN": "methods.latif2020.MixupGAN",
    "MEnAN": "methods.li2020.MEnAN",
    "AAE": "methods.sahu2017.AAE",
    "ConditionalGAN": "methods.sahu2018.ConditionalGAN",
    "VanillaGAN": "methods.sahu2018.VanillaGAN",
    "CCEmoGAN": "methods.su2021.CCEmoGAN",
    "ADAN": "methods.yi2019.ADAN",
    "EmotionCycleGANSampler": "samplers.EmotionCycleGANSampler",
    "MixupGANSampler": "samplers.MixupGANSampler",
    "AAESampler": "samplers.AAESampler",
    "ConditionalGANSampler": "samplers.ConditionalGANSampler",
    "VanillaGANSampler": "samplers.VanillaGANSampler",
    "CCEmoGANSampler": "samplers.CCEmoGANSampler",
    "ADANSampler": "samplers.ADANSampler",
}

__all__ = [
    "AAE",
    "ADAN",
    "AAESampler",
    "ADANSampler",
    "CCEmoGAN",
    "CCEmoGANSampler",
    "ConditionalGAN",
    "ConditionalGANSampler",
    "Corpus",
    "EmotionCycleGAN",
    "EmotionCycleGANSampler",
    "MEnAN",
    "MixupGAN",
    "MixupGANSampler",
    "Score",
    "Synthetic",
    "TfserganError",
    "VanillaGAN",
    "VanillaGANSampler",
    "__version__",
    "load_corpus",
    "score",
    "synthesize",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("tfsergan")
    elif name in _PLACES:
        module, _, attribute = _PLACES[name].rpartition(".")
        value = getattr(importlib.import_module(f"tfsergan.{module}"), attribute)
    else:
        raise AttributeError(f"module 'tfsergan' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
