"""A finished run as a small server, to try it: one model, on the loopback, until nobody asks.

    GET  /health                 what is served
    POST /predict                {"text": …, "compare": true} → what it says, and what its base says
    POST /v1/chat/completions    as OpenAI's API has it, where the task's answers are written

Every request needs the token. It is for people who try a model, not for production: requests are
answered one after another.
"""

import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from storage.errors import BadInput, UserError
from storage.records import TaskKind
from storage.run_folder import RunFolder
from trainer.data.schema import Example
from trainer.methods.choose import load, load_author
from trainer.methods.fitting import Author, Classifier

log = logging.getLogger(__name__)

MOST_BYTES, MOST_CHARACTERS = 200_000, 20_000
WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded run that answers one text at a time."""

    folder: RunFolder
    model: Classifier | Author
    labels: tuple[str, ...]
    lock: threading.Lock

    @property
    def has_base(self) -> bool:
        """Whether the untuned base can be asked: a head did not exist before the tuning."""
        return hasattr(self._weights(), "disable_adapter")

    def about(self) -> dict[str, object]:
        spec = self.folder.spec()
        return {
            "run": self.folder.run_id,
            "task": spec.task.name,
            "kind": spec.task.kind.value,
            "method": spec.method.value,
            "base": spec.base.name if spec.base else "",
            "labels": list(self.labels),
            "compares": self.has_base,
        }

    def predict(self, text: str, *, compare: bool = False) -> dict[str, object]:
        """What the model says of a text and, where asked and possible, what its base says."""
        row = Example(id="asked", text=text, label="", row=0)
        found = self._said(row, nullcontext())
        if compare and self.has_base:
            found["base"] = self._said(row, self._weights().disable_adapter())
        return found

    def chat(self, turns: Sequence[tuple[str, str]]) -> dict[str, object]:
        """An answer that is written, as a chat completion."""
        if not isinstance(self.model, Author):
            raise BadInput("This run gives labels: ask /predict.")
        row = Example(id="asked", text=turns[-1][1], label="", row=0, turns=tuple(turns))
        found = self._said(row, nullcontext())
        message = {"role": "assistant", "content": found["answer"]}
        return {
            "object": "chat.completion",
            "model": self.folder.run_id,
            "created": int(time.time()),
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }

    def _said(self, row: Example, as_what: AbstractContextManager[object]) -> dict[str, object]:
        with self.lock, as_what:
            began = time.perf_counter()
            if isinstance(self.model, Author):
                written = self.model.write([row])
                found: dict[str, object] = {"answer": written.texts[0].strip()}
            else:
                shares = self.model.probabilities([row.text])[0].tolist()
                best = max(range(len(shares)), key=shares.__getitem__)
                found = {
                    "answer": self.labels[best],
                    "probabilities": dict(zip(self.labels, shares, strict=True)),
                }
            return found | {"milliseconds": round(1000 * (time.perf_counter() - began), 2)}

    def _weights(self) -> Any:
        return getattr(self.model, "model", None)


def opened(folder: RunFolder) -> Served:
    """Load a finished run.

    Raises:
        BadInput: It has no evidence, or its task is plain text, which nothing answers.
        CorruptFolder: Its files are not as the run wrote them.
    """
    if not folder.has_evidence:
        raise BadInput(f"{folder.run_id} has not finished: there is nothing to try.")
    folder.verified_digest()
    spec, summary = folder.spec(), folder.summary()
    if spec.task.kind is TaskKind.TEXT:
        raise BadInput("A task of plain text asks nothing, so there is nothing to answer.")
    labelled = spec.task.kind is TaskKind.CLASSIFICATION
    model = load(folder.adapter) if labelled else load_author(folder.adapter)
    return Served(folder, model, summary.labels, threading.Lock())


def serve(
    served: Served, token: str, host: str, port: int, idle_s: float, tell: Callable[[str], None]
) -> None:
    """Answer until nobody has asked for a while.

    Args:
        tell: Called with the address once it listens.
    """
    server = ThreadingHTTPServer((host, port), _handler(served, token))
    server.daemon_threads = True
    tell(f"http://{host}:{server.server_address[1]}")
    watch = threading.Thread(target=_end_when_idle, args=(server, idle_s), daemon=True)
    watch.start()
    server.serve_forever()
    log.info("%s was not asked for %.0f s and ends", served.folder.run_id, idle_s)


def _end_when_idle(server: ThreadingHTTPServer, idle_s: float) -> None:
    while time.monotonic() - _Handler.asked_at < idle_s:
        time.sleep(WATCH_S)
    server.shutdown()


def _handler(served: Served, token: str) -> type["_Handler"]:
    class Handler(_Handler):
        pass

    Handler.served, Handler.token = served, token
    _Handler.asked_at = time.monotonic()
    return Handler


class _Handler(BaseHTTPRequestHandler):
    """One request: the token, then the answer as JSON."""

    served: Served
    token: str
    asked_at = 0.0
    timeout = 30
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(lambda: self.served.about() if self.path == "/health" else None)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _post(self) -> dict[str, object] | None:
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > MOST_BYTES:
            raise BadInput(f"A body of at most {MOST_BYTES:,} bytes is needed.")
        try:
            given = json.loads(self.rfile.read(int(size)))
        except ValueError as error:
            raise BadInput("The body is not JSON.") from error
        if not isinstance(given, dict):
            raise BadInput("The body is not a JSON object.")
        if self.path == "/predict":
            text = _text(given.get("text"), "text")
            return self.served.predict(text, compare=bool(given.get("compare")))
        if self.path == "/v1/chat/completions":
            return self.served.chat(_turns(given.get("messages")))
        return None

    def _answer(self, work: Callable[[], dict[str, object] | None]) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            self._send(401, {"error": "the token is needed: Authorization: Bearer …"})
            return
        _Handler.asked_at = time.monotonic()
        try:
            found = work()
        except UserError as error:
            self._send(400, {"error": str(error)})
        except Exception:  # the outermost edge: the log has the traceback
            log.exception("a request could not be answered")
            self._send(500, {"error": "the model could not answer; its log has more"})
        else:
            self._send(200 if found is not None else 404, found or {"error": "no such address"})

    def _send(self, status: int, found: dict[str, object]) -> None:
        content = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's name
        log.debug(format, *args)


def _text(given: object, name: str) -> str:
    if not isinstance(given, str) or not given.strip():
        raise BadInput(f"`{name}` is needed, a text that is not empty.")
    if len(given) > MOST_CHARACTERS:
        raise BadInput(f"`{name}` is longer than {MOST_CHARACTERS:,} characters.")
    return given


def _turns(given: object) -> list[tuple[str, str]]:
    """The turns of a chat, the last of them asked."""
    if not isinstance(given, list) or not given:
        raise BadInput("`messages` is needed: a list of turns with role and content.")
    turns = []
    for turn in given:
        if not isinstance(turn, dict):
            raise BadInput("Each turn is an object with role and content.")
        role = _text(turn.get("role"), "role")
        turns.append((role, _text(turn.get("content"), "content")))
    return turns
