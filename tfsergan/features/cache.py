"""What was once extracted, by content: the same samples, features and extractor are never analysed twice."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfsergan.features.audio import Recording
from tfsergan.files import write_atomically

DIGEST = 32  # bytes of SHA-256


@dataclass(frozen=True)
class FeatureCache:
    """A folder of `<features>/<2 hex>/<62 hex>.npy`, one file a recording; may be removed at any time.

    A file's name is the SHA-256 of samples, sample rate, features and extractor; after the array it holds the
    SHA-256 of what comes before, so that a damaged file is noticed. Any number of processes may share it.

    Attributes:
        folder: made when it is needed.
        features: their name, e.g. "is10".
        version: of the extractor.
    """

    folder: Path
    features: str
    version: str

    def path(self, recording: Recording) -> Path:
        """Where a recording's features are, or will be."""
        digest = hashlib.sha256(f"{self.features}\0{self.version}\0{recording.sample_rate}\0".encode())
        digest.update(np.ascontiguousarray(recording.samples, "<f4").data)
        name = digest.hexdigest()
        return self.folder / self.features / name[:2] / f"{name[2:]}.npy"

    def read(self, path: Path) -> np.ndarray | None:
        """The array in a file of this cache; None where there is none, or it is damaged."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        array, digest = content[:-DIGEST], content[-DIGEST:]
        if hashlib.sha256(array).digest() != digest:
            return None
        return np.load(io.BytesIO(array), allow_pickle=False)

    def write(self, path: Path, array: np.ndarray) -> None:
        """Keeps an array whole, or, when that fails, not at all.

        Raises:
            OSError: the folder cannot be written.
        """
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        content = file.getvalue()
        write_atomically(path, content + hashlib.sha256(content).digest())
