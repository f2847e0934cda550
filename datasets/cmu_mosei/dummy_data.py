"""Writes a small made-up tree in the layout of CMU-MOSEI: python -m tfsergan.datasets.cmu_mosei.dummy_data FOLDER"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfsergan.datasets.cmu_mosei.layout import EMOTIONS, RATINGS
from tfsergan.datasets.dummy_audio import write_wav

VIDEOS = {
    "-dummy_One11": [
        ((-0.25, 0.5), (1.0, 2.0, 0, 0, 0, 0, 0)),
        ((0.5, 1.1), (-1.5, 0.5, 0.75, 0, 0, 0, 1)),
        ((1.25, 1.9), (0.0, 0, 0, 0, 0, 0, 0)),
    ],
    "123456": [((0.1, 0.9), (-3.0, 0, 0, 3, 0, 2, 0)), ((1.0, 1.75), (0.5, 0, 0, 0, 1, 0, 0.5))],
}
"""Of each segment: its times in s, and its ratings as `RATINGS`."""

S3PRL = ("label2a", "label2b", "label6", "label7", "split")
"""Columns of s3prl's table: sentiment in 2 and 3 classes, strongest emotion, sentiment in 7 classes, fold."""

Videos = Mapping[str, Sequence[tuple[tuple[float, float], Sequence[float]]]]


def write(folder: Path, labels: str = ".csd") -> None:
    """Two videos of 2 s with five segments; `labels` is ".csd" as the SDK writes them, or ".csv" as s3prl does."""
    folder.mkdir(parents=True, exist_ok=True)
    (write_csd if labels == ".csd" else write_csv)(folder / f"CMU_MOSEI_Labels{labels}", VIDEOS)
    for number, video in enumerate(VIDEOS):
        path = folder / "Raw" / "Audio" / "Full" / "WAV_16000" / f"{video}.wav"
        write_wav(path, pitch=120 + 60 * number, seconds=2)


def write_csd(path: Path, videos: Videos) -> None:
    """Labels as the CMU-MultimodalSDK's computational sequence."""
    import h5py

    names = ["sentiment", "happy", "sad", *EMOTIONS[2:]]
    with h5py.File(path, "w") as file:
        root = file.create_group("All Labels")
        text = h5py.string_dtype()
        root.create_dataset("metadata/dimension names", data=[json.dumps(names)], dtype=text)
        for video, segments in videos.items():
            times, ratings = zip(*segments, strict=True)
            root.create_dataset(f"data/{video}/intervals", data=np.array(times, float))
            root.create_dataset(f"data/{video}/features", data=np.array(ratings, np.float32))


def write_csv(path: Path, videos: Videos) -> None:
    """Labels as the table that s3prl makes of the SDK's."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["", "file", "index", "start", "end", *S3PRL])
        rows = [(video, i, *segment) for video, cut in videos.items() for i, segment in enumerate(cut)]
        for number, (video, index, times, ratings) in enumerate(rows):
            sentiment, emotions = ratings[0], ratings[1:]
            labels = (int(sentiment >= 0), int(np.sign(sentiment)), int(np.argmax(emotions)))
            writer.writerow([number, video, index, *times, *labels, round(sentiment), 0])


def write_rated_csv(path: Path, videos: Videos) -> None:
    """Labels as a table of every rating."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "index", "start", "end", *RATINGS])
        for video, segments in videos.items():
            writer.writerows([video, i, *times, *ratings] for i, (times, ratings) in enumerate(segments))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
