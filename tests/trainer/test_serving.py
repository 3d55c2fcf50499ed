"""A finished run is served to be tried: to those with the token, until nobody asks."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from storage.records import EXIT_BAD_INPUT, EXIT_DONE, Method, Prompt, Task

from .conftest import ROOT, Made, Maker

TOKEN = "a-token-for-tests"
SAID = {"delivery": "parcel", "login": "password", "refund": "money"}


@contextmanager
def served(made: Made, idle_s: float = 60) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    words = [sys.executable, "-m", "trainer", "serve", str(made.folder.path)]
    process = subprocess.Popen(
        [*words, "--idle", str(idle_s)],
        cwd=ROOT,
        env=os.environ | {"TUNEBOARD_SERVE_TOKEN": TOKEN, "TUNEBOARD_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "it did not start"
        yield json.loads(line)["address"], process
    finally:
        process.kill()
        process.communicate()


def ask(
    address: str, path: str, body: object = None, token: str = TOKEN
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        verb = "GET" if body is None else "POST"
        content = body if isinstance(body, str) else json.dumps(body)
        connection.request(verb, path, None if body is None else content, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_run_is_tried_by_those_with_the_token(task: Task, make_run: Maker) -> None:
    made = make_run(task, Method.TFIDF)
    assert made.run().returncode == EXIT_DONE
    with served(made) as (address, _):
        status, about = ask(address, "/health")
        assert (status, about["run"], about["compares"]) == (200, made.folder.run_id, False)
        status, said = ask(address, "/predict", {"text": "money back please", "compare": True})
        assert status == 200
        assert said["answer"] == "refund"
        assert sum(said["probabilities"].values()) == pytest.approx(1)
        assert "base" not in said
        assert ask(address, "/health", token="another")[0] == 401
        for body, wrong in (
            ({"text": ""}, "not empty"),
            ({"text": "x" * 20_001}, "longer than"),
            ("no json", "not JSON"),
            ([1], "not a JSON object"),
        ):
            status, found = ask(address, "/predict", body)
            assert status == 400
            assert wrong in found["error"]
        assert ask(address, "/v1/chat/completions", {"messages": []})[0] == 400
        assert ask(address, "/nowhere", {})[0] == 404


@pytest.mark.engine
def test_the_base_is_asked_beside_what_was_tuned(
    task: Task, make_run: Maker, tiny_llama: Path
) -> None:
    prompt = Prompt(template="{text} where", words=SAID)
    asked = task.model_copy(update={"prompts": {"p": prompt}})
    made = make_run(asked, Method.LORA, base=tiny_llama, epochs=1)
    spec = made.folder.spec().model_copy(update={"scoring": "label_words"})
    (made.folder.path / "spec.json").write_text(spec.model_dump_json())
    assert made.run().returncode == EXIT_DONE
    with served(made) as (address, _):
        assert ask(address, "/health")[1]["compares"] is True
        said = ask(address, "/predict", {"text": "money back", "compare": True})[1]
        assert said["probabilities"] != said["base"]["probabilities"]
        again = ask(address, "/predict", {"text": "money back"})[1]
        assert again["probabilities"] == pytest.approx(said["probabilities"], abs=1e-6)


def test_it_ends_when_nobody_asks_and_serves_nothing_unfinished(
    task: Task, make_run: Maker
) -> None:
    made = make_run(task, Method.MAJORITY)
    words = [sys.executable, "-m", "trainer", "serve", str(made.folder.path)]
    environment = os.environ | {"TUNEBOARD_SERVE_TOKEN": TOKEN}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == EXIT_BAD_INPUT
    assert "has not finished" in done.stderr
    assert made.run().returncode == EXIT_DONE
    with served(made, idle_s=1.5) as (address, process):
        assert ask(address, "/health")[0] == 200
        assert process.wait(timeout=20) == EXIT_DONE
    (made.folder.adapter / "tuneboard.json").write_text("{}")
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == EXIT_BAD_INPUT
    assert "changed since the run ended" in done.stderr
