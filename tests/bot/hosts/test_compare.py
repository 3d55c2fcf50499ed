"""Two finished runs side by side, from their stored predictions."""

import json

import golden
import pytest

from bot.hosts.compare import compare, main
from storage.errors import BadInput
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Method


@pytest.fixture
def pair(home: Home, ledger: Ledger) -> tuple[str, str]:
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=300))
    levels = ((Method.LORA, 0.92), (Method.TFIDF, 0.75))
    made = [
        golden.finish_run(
            ledger, home, task, golden.make_spec(task, method), key=str(method), accuracy=level
        )
        for method, level in levels
    ]
    return made[0].id, made[1].id


def test_the_difference_is_told_with_a_second_opinion(
    home: Home, ledger: Ledger, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare(home, ledger, *pair)
    gain = found["difference"]
    assert gain["low"] < gain["value"] < gain["high"]
    assert gain["low"] > 0
    assert gain["p"] < 0.001
    assert gain["permutation_p"] == pytest.approx(1 / 2001)
    first, second = found["only_right"]
    assert first > second
    assert found["asked"]["method"] == ["lora", "tfidf"]
    assert main(["--home", str(home.path), *pair]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(found))


def test_the_other_way_round_turns_the_sign(
    home: Home, ledger: Ledger, pair: tuple[str, str]
) -> None:
    there, back = compare(home, ledger, *pair), compare(home, ledger, *reversed(pair))
    assert back["difference"]["value"] == pytest.approx(-there["difference"]["value"])
    assert back["only_right"] == there["only_right"][::-1]


def test_runs_of_two_tasks_are_refused(home: Home, ledger: Ledger, pair: tuple[str, str]) -> None:
    task = golden.add_golden_task(ledger, golden.make_task(name="mails", test_rows=60))
    spec = golden.make_spec(task, Method.TFIDF)
    other = golden.finish_run(ledger, home, task, spec, key="other", accuracy=0.8).id
    with pytest.raises(BadInput, match="of different tasks: mails and tickets"):
        compare(home, ledger, pair[0], other)
