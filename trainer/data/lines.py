"""Lines of a text file, one at a time, none longer than a limit.

A file is read as a stream: a line of a gigabyte gives a message, not an exhausted memory.
"""

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

from storage.errors import BadData, BadInput

LINE_LIMIT = 1_000_000
"""Characters of one line, and of one field. The longest real rows seen are a hundredth of it."""


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a file with their ends, as an editor counts them.

    Raises:
        BadInput: There is no such file, it may not be read, or the encoding is unknown.
        BadData: A line is too long, or is not text in this encoding; says which row.
    """
    codec = _codec(encoding)
    try:
        # newline="": the csv module wants to see the line ends itself.
        with path.open(encoding=codec, errors="strict", newline="") as stream:
            yield from _bounded(stream.readline, path)
    except UnicodeDecodeError as error:
        raise BadData(_undecodable(path, encoding, codec, error)) from error
    except OSError as error:
        raise BadInput(unreadable(path, error)) from error


def unreadable(path: Path, error: OSError) -> str:
    """What to say of a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return f"There is no file {str(path)!r}. Check the path in the task's [data]."
    return f"File {str(path)!r} cannot be read: {error.strerror}. Give a file you may read."


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise BadInput(
            f"The encoding {encoding!r} is not known. Use one such as 'utf-8', 'utf-16', "
            "'latin-1' or 'cp1252'."
        ) from error
    # Spreadsheets put a byte order mark before UTF-8; it is not part of the first column's name.
    return "utf-8-sig" if name == "utf-8" else name


def _bounded(readline: Callable[[int], str], path: Path) -> Iterator[str]:
    row = 0
    while line := readline(LINE_LIMIT + 2):
        row += 1
        if len(line) > LINE_LIMIT and line[-1] not in "\r\n":
            raise BadData(
                f"{path.name}, row {row}: the line is longer than {LINE_LIMIT:,} characters. "
                "Is a line end missing, or is this not a text file? Shorten that row."
            )
        if "\0" in line:
            raise BadData(
                f"{path.name}, row {row}: there is a NUL character, so this is not text in the "
                "encoding it is read in. Set `encoding` (perhaps 'utf-16'), or save it as UTF-8."
            )
        yield line


def _undecodable(path: Path, encoding: str, codec: str, error: UnicodeDecodeError) -> str:
    row = None if codec.startswith(("utf-16", "utf-32")) else _bad_row(path, codec)
    where = f", row {row}" if row else ""
    found = error.object[error.start : error.start + 1].hex()
    hint = "'utf-16'" if _starts_as_utf16(path) else "'cp1252' or 'latin-1'"
    return (
        f"{path.name}{where}: byte 0x{found} is not text in the encoding {encoding!r}. "
        f"Set `encoding` in the task's [data] (perhaps {hint}), or save the file as UTF-8."
    )


def _bad_row(path: Path, codec: str) -> int | None:
    """The first line whose bytes cannot be decoded; line ends are single bytes in these codecs."""
    with path.open("rb") as stream:
        row = 0
        while line := stream.readline(4 * LINE_LIMIT):
            row += 1
            try:
                line.decode(codec)
            except UnicodeDecodeError:
                return row
    return None


def _starts_as_utf16(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
