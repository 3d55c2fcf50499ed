"""Paths that a person typed."""

from pathlib import Path

from storage.errors import BadInput


def path_of(text: str) -> Path:
    """The path a person means, `~` resolved.

    Raises:
        BadInput: No file of this machine can have this name.
    """
    try:
        path = Path(text).expanduser()
        path.lstat()  # names that are too long, or hold a NUL, are found out here
    except FileNotFoundError:
        return path
    except (RuntimeError, OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise BadInput(f"{text[:80]!r} is not a path here: {why}. Mend its spelling.") from error
    return path
