"""Writing a file so that nobody ever reads half of it, and what is in one."""

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

UNFINISHED = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")  # names of files that are being written


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step; a crash leaves the old file. Makes missing folders.

    Raises:
        OSError: the folder cannot be made or written; names a file.
    """
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file to, which then takes its place in one step. Makes missing folders.

    Raises:
        OSError: the folder cannot be made or written; names a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with naming(path, temporary):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Puts the file into errors that tell none, such as of a full disk, or the temporary one beside it."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):  # else its text is its own
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def checksum(path: Path) -> str:
    """The SHA-256 of a file's contents, in hexadecimal digits.

    Raises:
        OSError: it can't be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def sweep(folder: Path) -> None:
    """Deletes what processes that were killed in `write_atomically` left under a folder that nobody writes to."""
    for path in folder.rglob(".*.tmp"):
        if UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)
