"""Text files as the makers of corpora left them: any line ends, UTF-8 or UTF-16, a stray byte here and there."""

import codecs
from pathlib import Path

from tfsergan.errors import TfserganError

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_lines(path: Path) -> list[str]:
    r"""The lines of a text file, without their ends; line n is at n - 1.

    A byte that is not UTF-8, as in a comment typed on an old computer, is read as the four characters `\xe9`:
    labels and names are ASCII, and guessing an encoding could be wrong without anybody noticing.

    Raises:
        TfserganError: the file cannot be read, or is not text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TfserganError(
            f"{path}: cannot be read ({error.strerror}): check the file and its permissions."
        ) from error
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    text = content.decode(encoding, errors="backslashreplace")
    if "\0" in text:
        raise TfserganError(
            f"{path}: is not plain text (it holds NUL bytes): copy it again from the archive, or save it as UTF-8."
        )
    # Not splitlines(): it also splits at characters that are no line ends, and line numbers would be wrong.
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
