"""Bias amplification: a lean beyond the labels is named, errors and honest labels are not."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from storage.records import Outcome
from trainer.checks import bias_amplification
from trainer.evaluate.amplification import columns_of, directional, leaning_groups
from trainer.evaluate.amplification_against import amplification_against
from trainer.evaluate.predictions import Predictions

LABELS = ("deny", "grant")


def _rows(sizes):
    return np.repeat([f"g{place}" for place in range(len(sizes))], sizes).tolist()


def _exact(sizes, shares):
    return np.concatenate(
        [np.arange(n) < round(n * p) for n, p in zip(sizes, shares, strict=True)]
    ).astype(int)


def _model(gold, predicted):
    return Predictions(LABELS, gold, np.eye(2)[predicted])


def _check(gold, predicted, sizes, minimum_rows=100):
    columns = {"group": _rows(sizes)}
    return bias_amplification.check(_model(gold, predicted), columns, 0.02, minimum_rows)


def _cells(sizes):
    return columns_of({"group": _rows(sizes)})["group"]


def test_the_published_mean_on_paper():
    # Two groups of 40: labels 30 and 10 granted, the model gives 36 and 4. Each of the four cells
    # moves by 6/40 in the direction that the labels have.
    sizes = (40, 40)
    found = directional(
        _exact(sizes, (0.9, 0.1)), gold := _exact(sizes, (0.75, 0.25)), gold, _cells(sizes), 2
    )
    assert found.value == pytest.approx(0.15)
    assert found.low < 0.15 < found.high


def test_labels_without_a_direction_add_nothing_to_the_mean():
    sizes = (40, 40)
    gold = _exact(sizes, (0.5, 0.5))
    assert directional(_exact(sizes, (0.9, 0.1)), gold, gold, _cells(sizes), 2).value == 0


def test_its_error_is_that_of_a_bootstrap_within_groups():
    random = np.random.default_rng(0)
    sizes = (150, 90, 60)
    gold = (random.random(300) < np.repeat([0.7, 0.4, 0.3], sizes)).astype(int)
    predicted = np.where(random.random(300) < 0.2, 1 - gold, gold)
    groups = _cells(sizes)
    found = directional(predicted, gold, gold, groups, 2)
    direction = [
        np.sign(
            np.bincount(gold[g.rows], minlength=2) / len(g.rows)
            - np.bincount(gold, minlength=2) / 300
        )
        for g in groups
    ]
    scores = [
        d[predicted[g.rows]] - d[gold[g.rows]] for d, g in zip(direction, groups, strict=True)
    ]
    means = [random.choice(s, (4000, len(s))).mean(axis=1) for s in scores]
    error = (sum(means) / 6).std()
    assert (found.value - found.low) / 1.645 == pytest.approx(error, rel=0.06)


def test_a_group_that_leans_beyond_its_labels_is_named():
    sizes = (500, 500, 500)
    found = _check(_exact(sizes, (0.5, 0.5, 0.5)), _exact(sizes, (0.5, 0.5, 0.8)), sizes)
    assert found.outcome is Outcome.WARN
    assert "group:g2 (given 'grant' more often than the rest by 30 points" in found.reason
    assert "group:g0" not in found.reason
    assert found.low > found.limit
    assert "group:g2" in found.advice


def test_the_others_are_not_named_because_three_lean():
    sizes = (180,) * 20
    shares = [0.75] * 3 + [0.3] * 17
    found = leaning_groups(
        _exact(sizes, shares), _exact(sizes, [0.5] * 20), {"group": _cells(sizes)}, 2, 0.02
    )
    assert sorted(leaning.group.value for leaning in found) == ["g0", "g1", "g2"]


def test_a_model_that_repeats_honest_labels_passes():
    sizes = (600, 600)
    gold = _exact(sizes, (0.3, 0.7))
    assert _check(gold, gold, sizes).outcome is Outcome.PASS


def test_a_model_that_evens_out_the_labels_passes():
    sizes = (600, 600)
    found = _check(_exact(sizes, (0.3, 0.7)), _exact(sizes, (0.5, 0.5)), sizes)
    assert found.outcome is Outcome.PASS
    assert found.value < 0


def test_a_lean_that_is_turned_around_is_flagged():
    sizes = (600, 600)
    assert _check(_exact(sizes, (0.4, 0.6)), _exact(sizes, (0.6, 0.4)), sizes).outcome is (
        Outcome.WARN
    )


@pytest.mark.parametrize(
    ("sizes", "share", "errors"),
    [((500, 500), 0.5, 0.3), ((1000, 40), 0.1, 0.1), ((180,) * 20, 0.5, 0.25)],
    ids=["two groups", "a small group", "twenty groups"],
)
def test_random_errors_are_hardly_ever_flagged(sizes, share, errors):
    random = np.random.default_rng(1)
    flagged = 0
    for _ in range(150):
        gold = (random.random(sum(sizes)) < share).astype(int)
        predicted = np.where(random.random(len(gold)) < errors, 1 - gold, gold)
        flagged += "Amplified" in _check(gold, predicted, sizes).reason
    assert flagged <= 8


def test_a_clear_lean_is_found_as_often_as_it_says():
    random = np.random.default_rng(2)
    sizes, flagged = (500, 500), 0
    for _ in range(150):
        gold = (random.random(1000) < 0.3).astype(int)
        predicted = np.where(random.random(1000) < 0.1, 1 - gold, gold)
        predicted[(np.arange(1000) < 500) & (random.random(1000) < 0.2)] = 1
        flagged += _check(gold, predicted, sizes).outcome is Outcome.WARN
    assert flagged >= 130


def test_groups_too_small_are_not_a_pass():
    sizes = (60, 60)
    gold = _exact(sizes, (0.5, 0.5))
    found = _check(gold, gold, sizes)
    assert found.outcome is Outcome.NOT_RUN
    assert "at least 100" in found.reason
    assert _check(gold, gold, sizes, minimum_rows=30).outcome is Outcome.PASS


def test_wide_bounds_are_inconclusive():
    sizes = (40, 40)
    gold = _exact(sizes, (0.5, 0.5))
    predicted = np.arange(80) % 2
    found = _check(gold, predicted, sizes, minimum_rows=30)
    assert found.outcome is Outcome.WARN
    assert "Inconclusive" in found.reason


def test_without_sensitive_columns_it_is_not_run():
    found = bias_amplification.check(_model([0, 1], [0, 1]), {}, 0.02, 100)
    assert found.outcome is Outcome.NOT_RUN
    assert "no sensitive column" in found.reason


@given(st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed):
    random = np.random.default_rng(seed)
    gold, predicted = random.integers(0, 2, (2, 200))
    names = np.array(_rows((100, 100)))
    order = random.permutation(200)
    one = bias_amplification.check(_model(gold, predicted), {"g": names.tolist()}, 0.02, 50)
    two = bias_amplification.check(
        _model(gold[order], predicted[order]), {"g": names[order].tolist()}, 0.02, 50
    )
    assert one.outcome is two.outcome
    assert one.value == pytest.approx(two.value, abs=1e-12)


# --- against the base ----------------------------------------------------------------------------


def _against(sizes, gold, base, tuned):
    columns = {"group": _rows(sizes)}
    gold = _exact(sizes, gold)
    untuned = None if base is None else _model(gold, _exact(sizes, base))
    return amplification_against(_model(gold, _exact(sizes, tuned)), untuned, columns, 0.02)


def test_a_lean_that_tuning_brought_is_named():
    found = _against((500, 500), (0.5, 0.5), (0.5, 0.5), (0.3, 0.7))
    assert found.outcome is Outcome.WARN
    assert "Tuning made it lean more" in found.reason


def test_a_lean_that_the_base_had_already_is_not_laid_on_tuning():
    assert _against((500, 500), (0.5, 0.5), (0.3, 0.7), (0.3, 0.7)).outcome is Outcome.PASS


def test_learning_what_the_labels_say_is_not_amplification():
    assert _against((500, 500), (0.3, 0.7), (0.5, 0.5), (0.3, 0.7)).outcome is Outcome.PASS


def test_without_an_untuned_run_nothing_is_said():
    found = _against((500, 500), (0.5, 0.5), None, (0.3, 0.7))
    assert found.outcome is Outcome.NOT_RUN
    assert "no untuned run" in found.reason


# --- real rows -----------------------------------------------------------------------------------


def _toxic() -> Path:
    given = os.environ.get("TUNEBOARD_TEST_DATA")
    root = Path(given) if given else Path(__file__).parents[4] / "shared"
    return root / "data" / "toxic_madlibs_groups"


def _read(name):
    with (_toxic() / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.skipif(not _toxic().exists(), reason="toxic_madlibs_groups is not on this machine")
@pytest.mark.parametrize(
    ("train", "named"),
    [("hard_train", set()), ("hard_train_skewed", {"black", "gay", "muslim"})],
)
def test_exactly_the_groups_of_skewed_rows_are_named(train, named):
    rows, test = _read(train), _read("hard_test")
    words = TfidfVectorizer()
    seen = words.fit_transform([row["text"] for row in rows])
    fitted = LogisticRegression(max_iter=1000).fit(seen, [row["label"] for row in rows])
    labels = tuple(str(label) for label in fitted.classes_)
    gold = np.array([labels.index(str(row["label"])) for row in test])
    rated = fitted.predict_proba(words.transform([row["text"] for row in test]))
    groups = {"group": [row["group"] for row in test]}
    found = bias_amplification.check(Predictions(labels, gold, rated), groups, 0.02, 100)
    everyone = {row["group"] for row in test}
    assert {name for name in everyone if f"group:{name} " in found.reason} == named
    assert found.outcome is (Outcome.WARN if named else Outcome.PASS)
