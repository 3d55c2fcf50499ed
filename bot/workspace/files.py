"""Files that the bot shares: expected, sent, completed, as Slack's three steps go."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.workspace.state import ApiError, Json

MOST_BYTES = 3 * 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class _File:
    name: str
    length: int
    alt: str
    content: bytes | None = None
    completed: bool = False


class Files:
    """What was announced at an address and what came."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._files: dict[str, _File] = {}

    def expect(self, name: str, length: Any, alt: Any) -> tuple[str, str]:
        """The id of a file to come and the address that its bytes go to.

        Raises:
            ApiError: `invalid_arguments`: the length is not one.
        """
        try:
            size = int(length)
        except (TypeError, ValueError) as error:
            raise ApiError("invalid_arguments", "length must be a number") from error
        if not 0 < size <= MOST_BYTES:
            raise ApiError("file_upload_size_restricted")
        file_id = f"F{secrets.token_hex(5).upper()}"
        self._files[file_id] = _File(name, size, str(alt or ""))
        return file_id, f"{self._address}/upload/{file_id}"

    def receive(self, file_id: str, content: bytes) -> int:
        """Take a file's bytes.

        Raises:
            ApiError: Nobody announced it, or it is of another length.
        """
        found = self._files.get(file_id)
        if found is None or found.completed:
            raise ApiError("file_not_found")
        if len(content) != found.length:
            raise ApiError("length_mismatch")
        found.content = content
        return len(content)

    def complete(self, asked: Any) -> list[Json]:
        """Files as a message shows them.

        Raises:
            ApiError: One of them was not sent, or is shared already.
        """
        if not isinstance(asked, Sequence) or not asked:
            raise ApiError("invalid_arguments", "files must be a list of id and title")
        shared = []
        for item in asked:
            found = self._files.get(str(item.get("id")))
            if found is None or found.content is None or found.completed:
                raise ApiError("file_not_found")
            title = str(item.get("title") or found.name)
            shown = {"id": item["id"], "name": found.name, "title": title, "alt_txt": found.alt}
            kind = "image/png" if found.content.startswith(PNG) else "application/octet-stream"
            shared.append(shown | {"mimetype": kind, "size": found.length})
        for item in asked:
            self._files[item["id"]].completed = True
        return shared

    def content(self, file_id: str) -> bytes | None:
        """The bytes of a shared file."""
        found = self._files.get(file_id)
        return found.content if found and found.completed else None
