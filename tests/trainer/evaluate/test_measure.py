"""What `measure` says, and what it does not claim to know."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.evaluate.measure import measure, measure_groups
from trainer.evaluate.predictions import Predictions

NAMES = {"accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "pr_auc", "log_loss", "brier"}
PER_LABEL = {"precision", "recall", "f1", "support"}


def _predictions(gold, classes=2, signal=2.0, seed=0):
    gold = np.asarray(gold)
    random = np.random.default_rng(seed)
    scores = random.normal(size=(len(gold), classes))
    scores[np.arange(len(gold)), gold] += signal
    rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return Predictions(tuple(f"label{k}" for k in range(classes)), gold, rows)


def _found(predictions, **options):
    return {(m.name, m.group): m for m in measure(predictions, "test", **options)}


def test_every_metric_is_there_with_an_interval_around_it():
    found = _found(_predictions(np.arange(300) % 3, classes=3))
    expected = {(name, "") for name in NAMES}
    expected |= {(name, f"label:label{k}") for name in PER_LABEL for k in range(3)}
    assert set(found) == expected | {("ece", "")}
    for (name, _), metric in found.items():
        if name not in {"support", "ece"}:  # 300 examples are too few for the latter
            assert metric.low < metric.value < metric.high
            assert metric.how
    assert found["recall", "label:label1"].n == 100


def test_the_same_seed_gives_the_same_numbers():
    predictions = _predictions(np.arange(200) % 2)
    assert measure(predictions, "test", seed=3) == measure(predictions, "test", seed=3)


def test_the_rarer_label_is_positive_unless_the_task_says_otherwise():
    predictions = _predictions([1] * 40 + [0] * 160)
    assert "'label1' (the rarer label)" in _found(predictions)["roc_auc", ""].how
    named = _found(predictions, positive="label0")["roc_auc", ""]
    assert "'label0' (as the task says)" in named.how
    with pytest.raises(ValueError, match="'cat' is not one of the labels"):
        measure(predictions, "test", positive="cat")


def test_a_rare_label_has_values_without_intervals_and_says_why():
    found = _found(_predictions([0] * 200 + [1] * 5))
    assert found["recall", "label:label1"].low is None
    assert "has 5 examples, at least 30" in found["recall", "label:label1"].how
    assert found["macro_f1", ""].low is None
    assert "has 5 examples, at least 10" in found["macro_f1", ""].how
    assert found["weighted_f1", ""].low is not None


def test_a_label_that_was_never_answered_has_no_precision_interval():
    gold = np.arange(200) % 2
    rows = np.tile([0.9, 0.1], (200, 1))
    found = _found(Predictions(("a", "b"), gold, rows))
    assert found["precision", "label:b"].value == 0
    assert "never answered" in found["precision", "label:b"].how
    assert found["mcc", ""].value == 0
    assert found["roc_auc", ""].low == found["roc_auc", ""].high == 0.5


def test_one_label_alone_has_no_curve_and_a_reason():
    found = _found(_predictions([1] * 50))
    assert found["roc_auc", ""].value is None
    assert "same label" in found["roc_auc", ""].missing_because
    assert found["mcc", ""].low is None


def test_labels_without_examples_are_named_beside_the_area():
    found = _found(_predictions([0, 1] * 50, classes=3))
    assert "without 'label2'" in found["roc_auc", ""].how


def test_an_empty_split_has_reasons_instead_of_numbers():
    nothing = Predictions(("a", "b"), np.empty(0, np.int64), np.empty((0, 2)))
    for metric in measure(nothing, "validation"):
        assert metric.value is None
        assert metric.missing_because == "the split has no examples"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(0, 5))
def test_no_split_is_too_odd_to_be_measured(gold, seed):
    for metric in measure(_predictions(gold, classes=3, seed=seed), "test"):
        if metric.low is not None:
            assert metric.low <= metric.value <= metric.high


def test_groups_are_measured_and_small_ones_are_not():
    gold = np.arange(150) % 2
    predictions = _predictions(gold)
    regions = ["north"] * 100 + ["south"] * 40 + [" "] * 10
    found = {
        (m.name, m.group): m
        for m in measure_groups(predictions, "test", {"region": regions}, ("label1", "absent"))
    }
    assert {name for name, _ in found} == {"accuracy", "selection_rate:label1"}
    north = found["selection_rate:label1", "region:north"]
    assert north.value == pytest.approx(np.mean(predictions.predicted[:100] == 1))
    assert north.low < north.value < north.high
    unknown = found["accuracy", "region:unknown"]
    assert unknown.value is None
    assert "too few: 10 examples" in unknown.missing_because
