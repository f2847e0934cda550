import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsergan.features.audio import Recording
from tfsergan.features.cache import FeatureCache


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "cache", "is10", "opensmile 2.6.0")


def test_what_is_written_is_read(cache, recording):
    path = cache.path(recording())
    assert cache.read(path) is None
    for array in (np.arange(5, dtype=np.float32), np.ones((7, 43), np.float32)):
        cache.write(path, array)
        found = cache.read(path)
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
    np.testing.assert_array_equal(np.load(path), array)  # an .npy file for everybody else
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_name_depends_on_content_features_and_extractor_alone(cache, recording):
    path = cache.path(recording("one"))
    assert re.fullmatch(r"is10/[0-9a-f]{2}/[0-9a-f]{62}\.npy", str(path.relative_to(cache.folder)))
    assert cache.path(recording("another name")) == path
    others = {
        cache.path(recording(pitch=151)),
        cache.path(recording()._replace(sample_rate=8000)),
        FeatureCache(cache.folder, "is09", cache.version).path(recording()),
        FeatureCache(cache.folder, "is10", "opensmile 2.7.0").path(recording()),
        path,
    }
    assert len(others) == 5


@given(st.data())
def test_damage_is_noticed(tmp_path_factory, data):
    cache = FeatureCache(tmp_path_factory.mktemp("cache"), "is09", "1")
    path = cache.path(Recording("a", np.ones(4, np.float32), 16_000))
    cache.write(path, np.arange(6, dtype=np.float32))
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), "cut"):
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
    assert cache.read(path) is None
