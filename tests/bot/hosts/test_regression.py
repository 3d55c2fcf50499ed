"""What reviewers marked as blockers is asked of every run, on the board and by the policy."""

from collections.abc import Callable

import golden
import pytest

from bot.access import Caller
from bot.actions import Actions
from bot.hosts.examples import example
from bot.hosts.projection import project
from bot.settings import Settings
from storage import published
from storage.errors import BadInput, WrongState
from storage.home import Home
from storage.ledger import Ledger
from storage.predictions import predicted_rows
from storage.records import Check, Method, Outcome, Policy, PolicyRule, Run

Pair = tuple[Run, Run]


@pytest.fixture
def pair(home: Home, ledger: Ledger) -> Pair:
    """A weak run and a strong one of the same task."""
    rule = PolicyRule(id="regression_set", severity="block", on_not_run="allow")
    task = golden.add_golden_task(
        ledger, golden.make_task("mails", test_rows=240, policy=Policy(check=(rule,)))
    )
    levels = ((Method.TFIDF, 0.6), (Method.LORA, 0.97))
    made = [
        golden.finish_run(
            ledger, home, task, golden.make_spec(task, method), key=str(method), accuracy=level
        )
        for method, level in levels
    ]
    return made[0], made[1]


def _row_where(home: Home, ledger: Ledger, weak: Run, strong: Run) -> tuple[int, str]:
    """A test row that the weak run has wrong and the strong one right."""
    rows = [predicted_rows(home.run(r.id), home.run(r.id).summary().labels) for r in (weak, strong)]
    said = [found.probabilities.argmax(axis=1) for found in rows]
    for place, name in enumerate(rows[0].ids):
        if said[0][place] != rows[0].gold[place] == said[1][place]:
            for line in range(1, 1000):
                try:
                    found = example(home, ledger, weak.id, line)
                except BadInput:
                    continue
                if found["example_id"] == name:
                    return line, name
    raise AssertionError("no such row")


def _check(home: Home, run: Run) -> Check | None:
    standing = published.standing_of(home.board, run.id)
    assert standing
    return next((c for c in standing.checks if c.id == "regression_set"), None)


def test_a_blocker_is_held_against_every_run(
    home: Home, ledger: Ledger, settings: Settings, pair: Pair, caller: Callable[[str], Caller]
) -> None:
    weak, strong = pair
    project(home)
    assert _check(home, weak) is None, "nothing is marked"
    line, name = _row_where(home, ledger, weak, strong)
    actions = Actions(ledger, home, settings)
    said = actions.handle_slow(
        f"mark {weak.id} {line} blocker this loses a customer", caller("U3"), "m1"
    )
    assert "must answer it rightly" in said.text
    project(home)
    failed, passed = _check(home, weak), _check(home, strong)
    assert failed is not None
    assert passed is not None
    assert (failed.outcome, failed.value, failed.n) == (Outcome.FAIL, 1.0, 1)
    assert name in failed.reason
    assert passed.outcome is Outcome.PASS
    assert actions.gate(weak).status == "blocked"
    assert actions.gate(strong).status != "blocked"
    actions.handle_slow(f"mark {weak.id} {line} acceptable it is unclear", caller("U3"), "m2")
    project(home)
    assert _check(home, weak) is None


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("", "Write mark RUN LINE"),
        ("{run} x blocker y", "Write mark RUN LINE"),
        ("{run} 999999 blocker y", "is no test row"),
        ("{run} {line} soso y", "blocker or acceptable"),
    ],
)
def test_what_is_not_understood_is_explained(
    home: Home,
    ledger: Ledger,
    settings: Settings,
    pair: Pair,
    caller: Callable[[str], Caller],
    rest: str,
    words: str,
) -> None:
    line = 1
    if "{line}" in rest:
        line, _ = _row_where(home, ledger, *pair)
    with pytest.raises(BadInput, match=words):
        Actions(ledger, home, settings).handle_slow(
            f"mark {rest.format(run=pair[0].id, line=line)}", caller("U3"), "m1"
        )


def test_a_run_without_evidence_has_no_examples(home: Home, ledger: Ledger) -> None:
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=60))
    run = golden.start_run(ledger, home, golden.make_spec(task, Method.TFIDF), key="k")
    with pytest.raises(WrongState, match="no evidence"):
        example(home, ledger, run.id, 1)
