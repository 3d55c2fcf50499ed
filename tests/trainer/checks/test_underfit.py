"""Underfitting: a model that learnt nothing is told from one that learnt."""

import numpy as np
import pytest

from storage.records import Outcome
from trainer.checks import underfit
from trainer.evaluate.predictions import Predictions


def test_a_constant_answer_is_flagged_however_common_the_label_is():
    gold = (np.arange(400) < 12).astype(int)
    found = underfit.check(Predictions(("ham", "spam"), gold, np.tile([0.97, 0.03], (400, 1))))
    assert found.outcome is Outcome.WARN
    assert found.value == 0.5
    assert "a constant answer has 0.500" in found.reason
    assert "learning rate" in found.advice


def test_a_model_that_learnt_passes(answers):
    found = underfit.check(answers(np.arange(200) % 10 < 8))
    assert found.outcome is Outcome.PASS
    assert found.value == pytest.approx(0.8)
    assert found.limit == pytest.approx(0.55)


def test_answers_at_random_hardly_ever_pass(answers):
    random = np.random.default_rng(0)
    found = [underfit.check(answers(random.random(200) < 0.5)).outcome for _ in range(1000)]
    assert np.mean([outcome is Outcome.PASS for outcome in found]) <= 0.01


def test_labels_that_do_not_occur_are_not_asked_for():
    gold = np.arange(100) % 2
    found = underfit.check(Predictions(("a", "b", "never"), gold, np.eye(3)[gold]))
    assert found.value == 1
    assert found.limit == pytest.approx(0.55)


def test_few_rows_or_one_label_are_not_judged(answers):
    assert underfit.check(answers(np.ones(20, bool))).outcome is Outcome.NOT_RUN
    alone = Predictions(("a", "b"), np.zeros(100, int), np.tile([1.0, 0.0], (100, 1)))
    assert "1 labels" in underfit.check(alone).reason
