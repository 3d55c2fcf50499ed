"""What a model forgot: general text, other tasks, earlier stages; from arrays and from files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from storage.errors import BadInput
from storage.records import Outcome, Policy
from trainer.checks import forgetting_tasks, forgetting_text
from trainer.evaluate.forgetting import (
    Retention,
    TextLosses,
    average_change,
    bits_per_byte,
    items_to_show,
    kept,
    perplexity,
    price_tag,
    stage_matrix,
    text_ratio,
)
from trainer.evaluate.loss_files import read_retention, read_text_losses


def _texts(ratio: float, n: int = 100, seed: int = 0, spread: float = 0.15) -> TextLosses:
    random = np.random.default_rng(seed)
    size = random.integers(500, 5000, n).astype(float)
    base = size * 0.7 * np.exp(random.normal(0, 0.2, n))
    return TextLosses(base, base * ratio * np.exp(random.normal(0, spread, n)), size)


def _suite(lost: float, n: int = 1000, changed: float = 0.05, seed: int = 0) -> Retention:
    """`changed` of the items change sides, `lost` more to the worse than to the better."""
    random = np.random.default_rng(seed)
    draw = random.random(n)
    worse, better = (changed + lost) / 2, (changed - lost) / 2
    base = np.where(draw < worse, True, np.where(draw < worse + better, False, draw < 0.8))
    tuned = np.where(draw < worse, False, np.where(draw < worse + better, True, base))
    return Retention(base, tuned, tuple(f"t{i % 4}" for i in range(n)))


class TestText:
    def test_bits_per_byte_and_perplexity_of_a_case_for_paper(self) -> None:
        assert bits_per_byte(np.array([np.log(2) * 8]), np.array([4.0])) == pytest.approx(2)
        assert perplexity(np.array([np.log(4) * 3]), np.array([3.0])) == pytest.approx(4)

    @pytest.mark.parametrize(
        ("ratio", "low", "high"),
        [(1.0, 0, 0.01), (1.02, 0, 0.02), (1.05, 0.01, 0.11), (1.1, 0.86, 1)],
    )
    def test_how_often_it_flags_is_that_of_the_literature(
        self, ratio: float, low: float, high: float
    ) -> None:
        found = [forgetting_text.check(_texts(ratio, seed=s), Policy()) for s in range(200)]
        assert low <= np.mean([c.outcome is not Outcome.PASS for c in found]) <= high

    def test_text_that_became_much_dearer_fails(self) -> None:
        found = forgetting_text.check(_texts(1.4), Policy())
        assert found.outcome is Outcome.FAIL
        assert "bits a byte" in found.reason

    def test_labels_have_no_likelihood_and_few_documents_tell_nothing(self) -> None:
        assert forgetting_text.check(None, Policy()).outcome is Outcome.NOT_RUN
        assert forgetting_text.check(_texts(1.4, n=50), Policy()).outcome is Outcome.NOT_RUN


class TestSuite:
    def test_a_suite_that_changed_little_passes_and_one_that_lost_fails(self) -> None:
        assert forgetting_tasks.check(_suite(0.0, 2000), Policy()).outcome is Outcome.PASS
        assert forgetting_tasks.check(_suite(0.1, 2000, 0.15), Policy()).outcome is Outcome.FAIL

    def test_a_small_suite_shows_nothing_and_says_how_large_it_should_be(self) -> None:
        found = forgetting_tasks.check(_suite(0.0, 200, 0.15), Policy())
        assert found.outcome is Outcome.WARN
        assert "items would show it" in found.advice

    def test_what_is_lost_at_the_margin_is_hardly_ever_passed(self) -> None:
        passed = [
            forgetting_tasks.check(_suite(0.02, 1000, seed=s), Policy()).outcome is Outcome.PASS
            for s in range(200)
        ]
        assert np.mean(passed) <= 0.08

    def test_a_suite_on_which_nothing_changed_claims_no_more_than_its_size(self) -> None:
        same = np.ones(100, np.bool_)
        assert kept(Retention(same, same, ("a",) * 100)).low < -0.02

    def test_the_size_it_asks_for(self) -> None:
        assert items_to_show(0.02, 0.05) == pytest.approx(773, abs=1)
        assert items_to_show(0.02, 0.15) == pytest.approx(2319, abs=1)


def test_the_matrix_of_stages_has_every_earlier_task_after_each_stage() -> None:
    first, second = np.ones(100, np.bool_), np.arange(100) < 80
    later = np.arange(100) < 70
    found = stage_matrix(
        [
            ("a", {"a": first}),
            ("b", {"a": second, "b": first}),
            ("c", {"a": later, "b": first, "c": first}),
        ]
    )
    assert [cell.accuracy for cell in found["a"]] == [1.0, 0.8, 0.7]
    assert found["a"][0].change is None
    assert found["a"][2].change == pytest.approx(-0.3)
    assert found["a"][2].low < -0.3 < found["a"][2].high < 0
    assert [len(cells) for cells in found.values()] == [3, 2, 1]
    assert average_change(found) == pytest.approx((-0.3 + 0.0) / 2)


def test_a_price_tag_says_what_was_gained_and_lost() -> None:
    tag = price_tag(0.05, text_ratio(_texts(1.1)), kept(_suite(0.02)))
    assert tag.startswith("On its own task +5.0 points; general text costs 1.")
    assert "retention suite" in tag
    assert "not measured" in price_tag(0.05, None, None)


class TestFiles:
    def test_a_person_can_check_what_is_given_as_files(self, tmp_path: Path) -> None:
        losses, suite = _texts(1.4), _suite(0.0, 2000)
        texts = [
            {"base_nats": b, "tuned_nats": t, "bytes": s}
            for b, t, s in zip(losses.base, losses.tuned, losses.size_bytes, strict=True)
        ]
        items = [
            {"subtask": s, "base_correct": bool(b), "tuned_correct": bool(t)}
            for s, b, t in zip(suite.subtasks, suite.base, suite.tuned, strict=True)
        ]
        for name, rows in (("texts", texts), ("suite", items)):
            lines = "\n".join(json.dumps(row) for row in rows)
            (tmp_path / f"{name}.jsonl").write_text(lines)
        words = ["--texts", str(tmp_path / "texts.jsonl"), "--suite", str(tmp_path / "suite.jsonl")]
        done = subprocess.run(
            [sys.executable, "-m", "trainer", "forgetting", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        found = {check["id"]: check["outcome"] for check in json.loads(done.stdout)["checks"]}
        assert found == {"forgetting_text": "fail", "forgetting_tasks": "pass"}

    def test_a_bad_line_is_named(self, tmp_path: Path) -> None:
        bad = tmp_path / "bad.jsonl"
        bad.write_text('{"base_nats": 1, "tuned_nats": 1, "bytes": 1}\n{"base_nats": -1}\n')
        with pytest.raises(BadInput, match="line 2"):
            read_text_losses(bad)
        bad.write_text('{"base_nats": 1, "tuned_nats": NaN, "bytes": 1}\n')
        with pytest.raises(BadInput, match="line 1"):
            read_text_losses(bad)
        bad.write_text('{"subtask": "a", "base_correct": 2, "tuned_correct": 1}\n')
        with pytest.raises(BadInput, match="true or false"):
            read_retention(bad)
