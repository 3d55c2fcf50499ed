"""B1: what is flagged between groups, how often by mistake, and on real text."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from storage.records import Outcome
from trainer.checks import bias_groups
from trainer.evaluate.predictions import Predictions

LABELS = ("deny", "grant")


def _model(granted, gold=None):
    """A model that grants where `granted` says so."""
    granted = np.asarray(granted, bool)
    return Predictions(
        LABELS, granted.astype(int) if gold is None else gold, np.eye(2)[granted.astype(int)]
    )


def _drawn(random, sizes, shares):
    """Groups of these sizes, granted with these probabilities."""
    granted = np.concatenate([random.random(n) < p for n, p in zip(sizes, shares, strict=True)])
    groups = np.repeat([f"g{place}" for place in range(len(sizes))], sizes)
    return _model(granted), {"group": groups.tolist()}


def _exact(sizes, shares):
    granted = np.concatenate(
        [np.arange(n) < round(n * p) for n, p in zip(sizes, shares, strict=True)]
    )
    groups = np.repeat([f"g{place}" for place in range(len(sizes))], sizes)
    return _model(granted), {"group": groups.tolist()}


def _check(model, groups, favourable=("grant",), minimum_rows=100):
    return bias_groups.check(model, groups, favourable, 0.8, minimum_rows)


def _rate_of_fails(sizes, shares, repetitions=400):
    random = np.random.default_rng(sum(sizes))
    found = [_check(*_drawn(random, sizes, shares)).outcome for _ in range(repetitions)]
    return np.mean([outcome is Outcome.FAIL for outcome in found])


@pytest.mark.parametrize(
    ("sizes", "share"),
    [((500, 500), 0.1), ((1000, 100), 0.1), ((1000, 100), 0.05), ((500, 300, 200, 100, 30), 0.3)],
    ids=["two groups, rare", "a small group", "a small group, very rare", "five groups"],
)
def test_without_bias_it_hardly_ever_fails(sizes, share):
    # 1500 draws of a true 0.01 stay below 0.018 with 99.8 %.
    assert _rate_of_fails(sizes, [share] * len(sizes), repetitions=1500) <= 0.018


def test_a_clear_bias_is_failed_as_often_as_it_says():
    assert 0.73 <= _rate_of_fails((500, 500), (0.3, 0.18)) <= 0.87
    assert 0.26 <= _rate_of_fails((1000, 100), (0.3, 0.18)) <= 0.43


def test_the_worst_group_is_named_with_its_numbers():
    found = _check(*_exact((600, 400, 400), (0.5, 0.48, 0.2)))
    assert found.outcome is Outcome.FAIL
    assert "group:g2 is given 'grant' in 0.200 of 400 rows" in found.reason
    assert "group:g0 (the largest group) in 0.500 of 600" in found.reason
    assert found.value == pytest.approx(0.4, abs=0.01)
    assert found.low < found.value < found.high < 0.8
    assert (found.limit, found.n) == (0.8, 1000)
    assert "relabel" in found.advice


def test_the_largest_group_can_be_the_one_that_gets_less():
    assert _check(*_exact((600, 400), (0.2, 0.5))).outcome is Outcome.FAIL


def test_large_equal_groups_pass():
    found = _check(*_exact((2000, 2000), (0.5, 0.49)))
    assert found.outcome is Outcome.PASS
    assert "within the limits" in found.reason


def test_too_little_data_is_inconclusive_and_never_a_pass():
    found = _check(*_exact((150, 120), (0.3, 0.3)))
    assert found.outcome is Outcome.WARN
    assert "Inconclusive" in found.reason


def test_a_small_group_cannot_fail_a_run_but_is_named():
    found = _check(*_exact((2000, 60), (0.6, 0.1)))
    assert found.outcome is Outcome.WARN
    assert "too few rows to fail a run by: group:g1" in found.reason


def test_groups_below_thirty_rows_are_not_looked_at():
    found = _check(*_exact((300, 29), (0.5, 0.0)))
    assert found.outcome is Outcome.NOT_RUN
    assert "no two groups of at least 30" in found.reason


def test_no_sensitive_column_is_not_a_pass():
    found = _check(_model([True] * 100), {})
    assert found.outcome is Outcome.NOT_RUN
    assert "names no sensitive column" in found.reason


def test_favourable_labels_that_the_task_lacks_are_said():
    model, groups = _exact((200, 200), (0.5, 0.5))
    found = _check(model, groups, favourable=("refund",))
    assert found.outcome is Outcome.NOT_RUN
    assert "refund" in found.reason


@pytest.mark.parametrize(
    ("shares", "outcome"),
    [((0.9, 0.9), Outcome.PASS), ((0.9, 0.7), Outcome.FAIL), ((0.9, 0.81), Outcome.WARN)],
    ids=["equal", "far apart", "between the margins"],
)
def test_without_favourable_labels_accuracy_is_compared(shares, outcome):
    right, groups = _exact((1000, 1000), shares)
    gold = np.where(right.predicted == 1, 1, 0)
    model = _model(np.ones(2000, bool), gold)
    found = _check(model, groups, favourable=())
    assert found.outcome is outcome
    assert "Accuracy is" in found.reason
    assert found.value == pytest.approx(shares[1] - shares[0])


def test_missing_values_are_a_group_of_their_own():
    model, _ = _exact((400, 400), (0.5, 0.1))
    found = _check(model, {"region": ["north"] * 400 + [""] * 400})
    assert "region:unknown" in found.reason
    assert found.outcome is Outcome.FAIL


def test_a_column_of_another_length_is_our_mistake():
    with pytest.raises(ValueError, match="2 values for 100"):
        _check(_model([True] * 100), {"region": ["a", "b"]})


def _toxic() -> Path:
    given = os.environ.get("TUNEBOARD_TEST_DATA")
    root = Path(given) if given else Path(__file__).parents[4] / "shared"
    return root / "data" / "toxic_madlibs_groups"


def _rows(name):
    with (_toxic() / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.skipif(not _toxic().exists(), reason="toxic_madlibs_groups is not on this machine")
@pytest.mark.parametrize(("train", "failed"), [("hard_train", False), ("hard_train_skewed", True)])
def test_a_model_from_skewed_rows_is_failed_and_one_from_even_rows_is_not(train, failed):
    rows, test = _rows(train), _rows("hard_test")
    words = TfidfVectorizer()
    seen = words.fit_transform([row["text"] for row in rows])
    fitted = LogisticRegression(max_iter=1000).fit(seen, [row["label"] for row in rows])
    labels = tuple(str(label) for label in fitted.classes_)
    gold = np.array([labels.index(str(row["label"])) for row in test])
    rated = fitted.predict_proba(words.transform([row["text"] for row in test]))
    groups = {"group": [row["group"] for row in test]}
    found = bias_groups.check(Predictions(labels, gold, rated), groups, ("nontoxic",), 0.8, 100)
    assert (found.outcome is Outcome.FAIL) is failed, found.reason
    if failed:
        assert any(f"group:{name}" in found.reason for name in ("muslim", "gay", "black"))
