"""Slack over HTTP: signed, fresh and new requests are answered; all others are refused."""

import http.client
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode, urlsplit

import pytest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from bot.actions import Actions
from bot.slack.app import build_app
from bot.slack.http import MOST_BYTES, HttpServer
from bot.workspace.driver import Workspace

SECRET = "a-signing-secret"


@pytest.fixture
def server(slack_actions: Actions, client: WebClient) -> Iterator[HttpServer]:
    found = HttpServer(build_app(slack_actions, client), SECRET, "127.0.0.1", 0)
    found.connect()
    yield found
    found.close()


def signed(body: str, at: float, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    kind = "application/x-www-form-urlencoded"
    return {
        "Content-Type": kind,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": str(signature),
    }


def post(server: HttpServer, body: str, headers: Mapping[str, str]) -> tuple[int, str]:
    place = urlsplit(server.address)
    connection = http.client.HTTPConnection(place.netloc, timeout=10)
    try:
        connection.request("POST", place.path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def command(workspace: Workspace, text: str, trigger: str = "t1") -> str:
    return urlencode(
        {
            "command": "/tune",
            "text": text,
            "team_id": workspace.seed.team_id,
            "user_id": "U1",
            "channel_id": "C0MODELS",
            "trigger_id": trigger,
            "response_url": "",
        }
    )


def test_a_signed_command_is_done(
    server: HttpServer, workspace: Workspace, slack_actions: Actions
) -> None:
    body = command(workspace, "run tickets tfidf")
    status, said = post(server, body, signed(body, time.time()))
    assert status == 200
    assert "is queued" in said
    assert len(slack_actions.ledger.runs()) == 1


def test_what_slack_did_not_sign_is_refused(
    server: HttpServer, workspace: Workspace, slack_actions: Actions
) -> None:
    body = command(workspace, "run tickets tfidf")
    for headers in (
        {},
        signed(body, time.time(), "another secret"),
        signed(body, time.time() - 360),
        signed(body, time.time() + 360),
        signed(body, time.time()) | {"X-Slack-Request-Timestamp": "soon"},
        signed(body + "x", time.time()),
    ):
        assert post(server, body, headers)[0] == 401
    assert post(server, "x" * (MOST_BYTES + 1), {})[0] == 413
    assert slack_actions.ledger.runs() == ()


def test_the_same_signed_body_again_is_a_replay(
    server: HttpServer, workspace: Workspace, slack_actions: Actions
) -> None:
    body = command(workspace, "run tickets tfidf")
    headers = signed(body, time.time() - 240)
    assert [post(server, body, headers)[0] for _ in range(3)] == [200, 401, 401]
    assert len(slack_actions.ledger.runs()) == 1


def test_slacks_own_retry_is_signed_anew_and_done_once(
    server: HttpServer, workspace: Workspace, slack_actions: Actions
) -> None:
    body = command(workspace, "run tickets tfidf")
    first, second = time.time() - 60, time.time()
    assert post(server, body, signed(body, first))[0] == 200
    assert post(server, body, signed(body, second))[0] == 200
    assert len(slack_actions.ledger.runs()) == 1
