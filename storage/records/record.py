"""Names, moments, and what every record is."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Names of tasks, people and bases. They label things and are never used as a path unchecked."""


def _valid_name(value: str) -> str:
    if not NAME_PATTERN.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a name: use 1 to 63 small letters, digits, '-' or '_', "
            "starting with a letter or digit"
        )
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone; use UTC")
    return value.astimezone(UTC)


Name = Annotated[str, AfterValidator(_valid_name)]
Instant = Annotated[datetime, AfterValidator(_aware)]
"""A moment, aware and in UTC."""


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)


class Record(BaseModel):
    """A frozen fact. Equal content gives an equal digest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of this record, as 64 hex digits."""
        return digest_of(self.model_dump(mode="json"))


def digest_of(value: object) -> str:
    """SHA-256 over the canonical JSON (sorted keys, no spaces) of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
