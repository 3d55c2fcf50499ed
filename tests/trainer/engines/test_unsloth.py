"""Unsloth where it is installed: that it has what we call. Training with it needs a GPU."""

import ast
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import trainer.engines.unsloth as engine
from trainer.engines.preflight import unsloth_environment

CALLS = ("from_pretrained", "get_peft_model")
LOOK = """
import inspect, json
import unsloth
from unsloth import FastLanguageModel
from unsloth.models.llama import FastLlamaModel

calls = {
    "from_pretrained": FastLanguageModel.from_pretrained,
    "get_peft_model": FastLlamaModel.get_peft_model,  # the other passes its words on to it
}
print(json.dumps({name: list(inspect.signature(call).parameters) for name, call in calls.items()}))
"""


def keywords_we_pass() -> dict[str, set[str]]:
    """What our engine gives to each of the two calls, read from its source."""
    tree = ast.parse(Path(engine.__file__).read_text(encoding="utf-8"))
    return {
        node.func.attr: {word.arg for word in node.keywords if word.arg}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CALLS
    }


def test_our_calls_are_found_in_our_source() -> None:
    found = keywords_we_pass()
    assert set(found) == set(CALLS)
    assert "trust_remote_code" in found["from_pretrained"]


@pytest.mark.engine
@pytest.mark.skipif(find_spec("unsloth") is None, reason="unsloth is not installed (extra `gpu`)")
def test_the_installed_unsloth_takes_what_we_pass(tmp_path: Path) -> None:
    allowed = {"UNSLOTH_ALLOW_CPU": "1"} | unsloth_environment(str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=os.environ | allowed,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    taken = json.loads(done.stdout.strip().splitlines()[-1])
    for call, words in keywords_we_pass().items():
        assert words <= set(taken[call]), call
