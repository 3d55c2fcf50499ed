"""Reviews under a policy: eligible, to be looked at, blocked, waived, changed; sealed scores."""

from datetime import timedelta
from typing import Any

import golden
import pytest

from bot.access import Caller
from bot.actions import Actions
from bot.hosts.projection import project
from bot.settings import Settings
from storage.errors import Blocked, EvidenceChanged
from storage.home import Home
from storage.ledger import Ledger
from storage.openings import openings
from storage.published import standing_of
from storage.records import (
    Check,
    Method,
    Outcome,
    Person,
    Policy,
    PolicyRule,
    Role,
    Verdict,
    now,
)

ANA = Caller(Person(name="ana", roles=frozenset({Role.LAUNCHER})), "terminal", "ana")
REVA = Caller(Person(name="reva", roles=frozenset({Role.REVIEWER})), "terminal", "reva")
RULES = tuple(
    PolicyRule(id=identity, waivable=identity == "bias_groups")
    for identity in ("leakage_exact", "adapter_reload", "beats_baseline", "test_size")
)
BIAS = PolicyRule(id="bias_groups", on_not_run="allow", waivable=True)
QUIET = tuple(
    PolicyRule(id=identity, severity="show", on_not_run="allow")
    for identity in (*golden.NOT_TRIED, "overfit_gap", "underfit", "seed_variance", "underpowered")
    if identity != "bias_groups"
) + tuple(
    PolicyRule(id=identity, severity="show", on_not_run="allow")
    for identity in ("test_reuse", "leakage_registered", "bias_amplification_base")
)
STRICT = Policy(check=(*RULES, BIAS, *QUIET))


class Place:
    """A task with a baseline and one tuned run, published."""

    def __init__(self, ledger: Ledger, home: Home, policy: Policy, **more: Any) -> None:
        self.ledger, self.home = ledger, home
        self.actions = Actions(ledger, home, Settings())
        made = golden.make_task(test_rows=600, policy=policy)
        sealed = more.pop("sealed", False)
        task = made.task.model_copy(update={"sealed": sealed})
        self.task = golden.add_golden_task(ledger, golden.GoldenTask(task, made.dataset, made.rows))
        self._finish(Method.TFIDF, 0.75)
        self.run = self._finish(Method.LORA, 0.93, **more)
        project(home)

    def _finish(self, method: Method, level: float, **more: Any) -> str:
        spec = golden.make_spec(self.task, method)
        return golden.finish_run(
            self.ledger, self.home, self.task, spec, key=method, accuracy=level, **more
        ).id

    def say(self, line: str, caller: Caller) -> Any:
        return self.actions.handle(line, caller, line)


def test_an_eligible_run_still_needs_a_person(ledger: Ledger, home: Home) -> None:
    place = Place(ledger, home, STRICT)
    answer = place.say(f"submit {place.run}", ANA)
    assert answer.data["gate"]["status"] == "eligible"
    assert answer.data["review"]["state"] == "in_review"
    assert "*approved*" in place.say(f"approve {place.run} clearly better", REVA).text


def test_a_warning_needs_a_look_and_can_be_approved(ledger: Ledger, home: Home) -> None:
    watchful = STRICT.model_copy(update={"check": (*RULES, BIAS)})
    place = Place(ledger, home, watchful, train_gap=0.07)
    answer = place.say(f"submit {place.run}", ANA)
    assert answer.data["gate"]["status"] == "needs_review"
    assert "warns: overfit_gap" in answer.text
    assert "*approved*" in place.say(f"approve {place.run} known and small", REVA).text


def test_a_blocked_run_is_refused_until_somebody_answers_for_it(ledger: Ledger, home: Home) -> None:
    failed = Check(id="bias_groups", outcome=Outcome.FAIL, value=0.5, limit=0.8, reason="Half.")
    place = Place(ledger, home, STRICT, checks=[failed])
    answer = place.say(f"submit {place.run}", ANA)
    assert "Policy: *BLOCKED*" in answer.text
    with pytest.raises(Blocked, match="bias_groups: Half"):
        place.say(f"approve {place.run} it is fine", REVA)
    until = now().date() + timedelta(days=30)
    waived = place.say(f"waive {place.run} bias_groups until={until} too few rows", REVA)
    assert "waived by reva" in waived.text
    assert "waived by reva" in place.say(f"status {place.run}", ANA).text
    assert "*approved*" in place.say(f"approve {place.run} with the waiver", REVA).text


def test_what_changed_between_card_and_click_is_not_approved(ledger: Ledger, home: Home) -> None:
    place = Place(ledger, home, STRICT)
    review = place.say(f"submit {place.run}", ANA).review_id
    metrics = home.run(place.run).evidence / "metrics.json"
    metrics.write_text(metrics.read_text().replace("0.9", "0.99"))
    with pytest.raises(EvidenceChanged):
        place.actions.decide(review, Verdict.APPROVE, "as shown", REVA)


def test_sealed_scores_are_shown_at_review_time_and_that_is_noted(
    ledger: Ledger, home: Home
) -> None:
    place = Place(ledger, home, STRICT, sealed=True)
    before = place.say(f"status {place.run}", ANA)
    assert before.data["sealed"]
    assert not [m for m in before.data["metrics"] if m["split"] == "test"]
    assert "is sealed" in before.text
    standing = standing_of(home.board, place.run)
    assert standing
    assert (standing.sealed, standing.primary.split) == (True, "validation")
    assert not [m for m in standing.metrics if m.split == "test"]
    assert standing.gate is None
    assert openings(ledger) == ()
    place.say(f"submit {place.run}", ANA)
    assert [opened.run_id for opened in openings(ledger)] == [place.run]
    after = place.say(f"status {place.run}", ANA)
    assert [m for m in after.data["metrics"] if m["split"] == "test"]
    project(home)
    again = standing_of(home.board, place.run)
    assert again
    assert not again.sealed
    assert [m for m in again.metrics if m.split == "test"]
