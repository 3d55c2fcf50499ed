"""Every metric against scikit-learn, and against cases small enough for paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from trainer.evaluate import metrics

CASES = {
    "binary": (2, None, 1.0),
    "binary with ties": (2, None, 0.0),
    "ten classes": (10, None, 2.0),
    "a class that is never true": (5, 3, 1.0),
    "a class that is only true": (3, 1, 1.0),
}


def _example(name: str, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Gold and probabilities; rounded to one digit for the case with ties."""
    classes, absent, signal = CASES[name]
    random = np.random.default_rng(len(name))
    gold = random.integers(0, classes, n)
    if absent is not None:
        gold[gold == absent] = 0
    scores = random.normal(size=(n, classes))
    scores[np.arange(n), gold] += signal
    if name == "a class that is only true":
        gold[:20] = absent
        scores[:, absent] = -50
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    if "ties" in name:
        first = np.round(probabilities[:, 0], 1)
        probabilities = np.stack([first, 1 - first], axis=1)
    return gold, probabilities


@pytest.mark.parametrize("name", CASES)
def test_metrics_of_answers_are_those_of_scikit_learn(name):
    gold, probabilities = _example(name)
    classes = probabilities.shape[1]
    answered = probabilities.argmax(axis=1)
    counts = metrics.class_counts(gold, answered, classes)
    scores = metrics.precision_recall_f1(counts)
    labels = range(classes)

    def f1(average):
        return reference.f1_score(gold, answered, labels=labels, average=average, zero_division=0)

    assert float(metrics.accuracy(counts)) == pytest.approx(
        reference.accuracy_score(gold, answered), abs=1e-14
    )
    assert float(metrics.macro_f1(counts)) == pytest.approx(f1("macro"), abs=1e-14)
    assert float(metrics.weighted_f1(counts)) == pytest.approx(f1("weighted"), abs=1e-14)
    assert float(metrics.mcc(counts)) == pytest.approx(
        reference.matthews_corrcoef(gold, answered), abs=1e-13
    )
    expected = reference.precision_recall_fscore_support(
        gold, answered, labels=labels, zero_division=0
    )
    for mine, theirs in zip(
        (scores.precision, scores.recall, scores.f1, counts.gold), expected, strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-14)
    np.testing.assert_array_equal(
        metrics.confusion_matrix(gold, answered, classes),
        reference.confusion_matrix(gold, answered, labels=labels),
    )


@pytest.mark.parametrize("name", CASES)
def test_metrics_of_probabilities_are_those_of_scikit_learn(name):
    gold, probabilities = _example(name)
    labels = list(range(probabilities.shape[1]))
    assert metrics.log_loss(probabilities, gold) == pytest.approx(
        reference.log_loss(gold, probabilities, labels=labels), abs=1e-12
    )
    scored = probabilities[:, 1] if len(labels) == 2 else probabilities
    assert metrics.brier(probabilities, gold) == pytest.approx(
        reference.brier_score_loss(gold, scored, labels=labels), abs=1e-12
    )


@pytest.mark.parametrize("name", ["binary", "binary with ties"])
def test_the_area_under_the_curve_is_that_of_scikit_learn(name):
    gold, probabilities = _example(name)
    mine = metrics.roc_auc(probabilities[:, 1], gold == 1)
    assert mine == pytest.approx(reference.roc_auc_score(gold, probabilities[:, 1]), abs=1e-13)


@pytest.mark.parametrize("name", ["ten classes", "a class that is only true"])
def test_the_one_vs_rest_area_is_that_of_scikit_learn(name):
    gold, probabilities = _example(name)
    expected = reference.roc_auc_score(gold, probabilities, multi_class="ovr", average="macro")
    assert metrics.roc_auc_ovr(probabilities, gold).value == pytest.approx(expected, abs=1e-13)


def test_classes_without_a_curve_are_left_out_and_listed():
    gold, probabilities = _example("a class that is never true")
    found = metrics.roc_auc_ovr(probabilities, gold)
    areas = [reference.roc_auc_score(gold == k, probabilities[:, k]) for k in (0, 1, 2, 4)]
    assert found.excluded == (3,)
    assert found.included == (0, 1, 2, 4)
    assert found.value == pytest.approx(np.mean(areas), abs=1e-13)


def test_one_label_alone_has_no_curve():
    assert metrics.roc_auc(np.array([0.1, 0.9]), np.array([True, True])) is None
    nothing = metrics.roc_auc_ovr(np.array([[0.5, 0.3, 0.2]] * 2), np.array([1, 1]))
    assert nothing.value is None
    assert nothing.excluded == (0, 1, 2)


def test_a_case_for_paper():
    # Six letters: spam spam spam ham ham ham, of which one spam and one ham are mistaken.
    gold, answered = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 0, 0, 1])
    counts = metrics.class_counts(gold, answered, 2)
    scores = metrics.precision_recall_f1(counts)
    np.testing.assert_allclose(scores.precision, [2 / 3, 2 / 3])
    np.testing.assert_allclose(scores.recall, [2 / 3, 2 / 3])
    assert float(metrics.macro_f1(counts)) == pytest.approx(2 / 3)
    assert float(metrics.mcc(counts)) == pytest.approx((2 * 2 - 1 * 1) / 9)
    # Positives score .9 .8 .4, negatives .7 .3 .1: 8 of 9 pairs are in order.
    scored = np.array([0.9, 0.8, 0.4, 0.7, 0.3, 0.1])
    assert metrics.roc_auc(scored, gold == 1) == pytest.approx(8 / 9)


def test_the_log_loss_of_an_impossible_answer_is_finite():
    assert metrics.log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(36.04, abs=0.01)


def test_many_resamples_are_counted_as_one_would_be():
    gold, probabilities = _example("ten classes")
    answered = probabilities.argmax(axis=1)
    one = metrics.class_counts(gold, answered, 10)
    two = metrics.class_counts(gold[:200], answered[:200], 10)
    both = metrics.ClassCounts(
        *(np.stack(pair) for pair in ((one.hits, two.hits), (one.gold, two.gold),
                                      (one.predicted, two.predicted)))
    )  # fmt: skip
    for metric in (metrics.accuracy, metrics.macro_f1, metrics.weighted_f1, metrics.mcc):
        np.testing.assert_allclose(metric(both), [float(metric(one)), float(metric(two))])


answers = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(answers, st.randoms(use_true_random=False))
def test_metrics_stay_in_range_and_do_not_mind_the_order_of_rows(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    for metric, low in (
        (metrics.accuracy, 0),
        (metrics.macro_f1, 0),
        (metrics.weighted_f1, 0),
        (metrics.mcc, -1),
    ):
        here, there = (
            float(metric(metrics.class_counts(*np.array(rows, np.int64).T, 4)))
            for rows in (pairs, shuffled)
        )
        assert here == there
        assert low - 1e-12 <= here <= 1 + 1e-12


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=60))
def test_turning_the_scores_round_turns_the_area_round(pairs):
    scores = np.array([score for score, _ in pairs], np.float64)
    positive = np.array([kind for _, kind in pairs])
    area, turned = metrics.roc_auc(scores, positive), metrics.roc_auc(-scores, positive)
    if area is None:
        assert positive.all() or not positive.any()
    else:
        assert turned is not None
        assert 0 <= area <= 1
        assert area + turned == pytest.approx(1)
