import importlib.util

import numpy as np
import pytest

from tfsergan.errors import TfserganError
from tfsergan.features import beam, frames
from tfsergan.features.extraction import extract

needs_beam = pytest.mark.skipif(
    not importlib.util.find_spec("apache_beam"), reason="apache-beam is an optional extra"
)
HERE = "--runner=FnApiRunner"
WORKERS = "--runner=DirectRunner --direct_num_workers=2 --direct_running_mode=multi_processing"


@needs_beam
@pytest.mark.parametrize("options", [HERE, pytest.param(WORKERS, marks=pytest.mark.slow)])
def test_the_pipeline_fills_the_cache_with_the_same_bytes(
    opensmile, recording, tmp_path, monkeypatch, options
):
    items = [recording(str(i), 0.3, 120 + 30 * i) for i in range(4)]
    with_beam, without = tmp_path / "beam", tmp_path / "processes"
    found = list(extract(items, "is09", cache=with_beam, beam_options=options, jobs=1))
    np.testing.assert_array_equal(found, list(extract(items, "is09", cache=without, jobs=1)))
    files = {path.relative_to(with_beam): path.read_bytes() for path in with_beam.rglob("*.npy")}
    assert files == {path.relative_to(without): path.read_bytes() for path in without.rglob("*.npy")}
    assert len(files) == 4


@needs_beam
def test_the_pipeline_alone_does_the_extraction(opensmile, recording, tmp_path, monkeypatch):
    from tfsergan.features import functionals
    from tfsergan.features.cache import FeatureCache
    from tfsergan.features.extraction import Analysis, read_signal

    told = []
    cache = FeatureCache(tmp_path, "is09", functionals.version())
    analysis = Analysis("is09", read_signal, cache)
    beam.run(analysis, [recording()], HERE, report=lambda *call: told.append(call), task="Beam")
    assert cache.read(cache.path(recording())).shape == (384,)
    assert told == [("Beam", 0, 1), ("Beam", 1, 1)]


@needs_beam
def test_what_goes_wrong_is_told(recording):
    with pytest.raises(TfserganError, match=r"direct_num_workers=many' failed \(an option has a wrong value"):
        beam.run(abs, [1], "--direct_num_workers=many")
    with pytest.raises(TfserganError, match=r"failed .*the same command goes on"):
        beam.run(abs, ["not a number"], HERE)


def test_bad_recordings_are_named_after_the_pipeline(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(beam, "run", lambda *_, **__: None)
    monkeypatch.setattr(frames, "require", lambda: None)
    monkeypatch.setattr(frames, "version", lambda: "1")
    silent = recording("hush")._replace(samples=np.zeros(8000, np.float32))
    with pytest.raises(TfserganError, match="hush: is silent"):
        list(extract([silent], "logmel", cache=tmp_path, beam_options=HERE, jobs=1))


def test_without_beam_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TfserganError, match=r'pip install "tfsergan\[distributed\]"'):
        beam.run(abs, [1], HERE)
