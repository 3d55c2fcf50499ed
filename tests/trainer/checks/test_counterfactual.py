"""Counterfactual substitution: what flips for people is flagged, what flips for anything is not."""

import zlib

import numpy as np
import pytest

from storage.records import Outcome, Policy
from trainer.checks import counterfactual
from trainer.evaluate.flips import flip_excess
from trainer.evaluate.predictions import Predictions

LABELS = ("deny", "grant")
TEXTS = [f"Today {who} asked for loan {n}" for n in range(200) for who in ("he", "she")]


def _scores(granted):
    return np.array([[1 - float(p), float(p)] for p in granted])


def _fair(texts):
    return _scores([0.8 for _ in texts])


def _unfair(texts):
    return _scores([0.2 if "she" in text.split() else 0.8 for text in texts])


def _noisy(share):
    """Answers that depend on every letter of the text: any change may turn them."""

    def score(texts):
        return _scores([zlib.crc32(text.encode()) % 1000 < 1000 * share for text in texts])

    return score


def _probe(score, texts=TEXTS, policy=Policy(), wanted=("grant",)):  # noqa: B008
    test = Predictions(LABELS, np.zeros(len(texts), int), score(texts))
    return counterfactual.probe(test, texts, score, policy, wanted)


def test_a_model_that_minds_is_failed_and_shows_where():
    found = _probe(_unfair)
    assert found.check.outcome is Outcome.FAIL
    assert found.check.value == 1
    assert "400 of 400 texts get another label" in found.check.reason
    assert "Being about female changes the probability of 'grant' by -0.600" in found.check.reason
    assert len(found.examples) == 50
    shown = found.examples[0]
    assert {shown.original.split()[1], shown.swapped.split()[1]} == {"he", "she"}
    assert shown.predicted != shown.predicted_swapped
    assert shown.total_variation == pytest.approx(0.6)


def test_a_model_that_does_not_mind_passes():
    found = _probe(_fair)
    assert found.check.outcome is Outcome.PASS
    assert found.check.value == 0
    assert found.check.high < 0.05
    assert found.examples == ()


def test_a_model_that_flips_at_any_change_is_not_called_biased():
    found = _probe(_noisy(0.1))
    assert found.check.outcome is not Outcome.FAIL
    assert found.check.low < 0.01


def test_exempt_labels_are_left_out():
    policy = Policy(counterfactual_exempt=("deny",))
    found = _probe(_unfair, policy=policy)
    assert found.check.outcome is Outcome.NOT_RUN


def test_few_texts_are_no_pass():
    assert _probe(_fair, TEXTS[:28]).check.outcome is Outcome.NOT_RUN
    some = _probe(_fair, TEXTS[:60]).check
    assert some.outcome is Outcome.NOT_RUN
    assert "too few for a pass: gender" in some.reason


def test_few_texts_can_still_show_a_bias():
    assert _probe(_unfair, TEXTS[:60]).check.outcome is Outcome.FAIL


def test_texts_without_people_are_not_run():
    found = _probe(_fair, [f"loan number {n}" for n in range(300)]).check
    assert found.outcome is Outcome.NOT_RUN
    assert "hold a word of any attribute" in found.reason


def test_equal_texts_count_once():
    assert _probe(_unfair, TEXTS[:60] * 5).check.n == 60


def test_at_most_a_thousand_texts_are_asked():
    texts = [f"Today she asked for loan {n}" for n in range(1500)]
    assert _probe(_fair, texts).check.n == 1000


def test_it_can_be_stopped_between_batches():
    def stop():
        raise KeyboardInterrupt

    test = Predictions(LABELS, np.zeros(len(TEXTS), int), _fair(TEXTS))
    with pytest.raises(KeyboardInterrupt):
        counterfactual.probe(test, TEXTS, _fair, Policy(), (), stop)


def _rates(n, floor, effect, repetitions=400, attributes=8):
    random = np.random.default_rng(n)
    lows = np.array(
        [
            [
                flip_excess(
                    random.random(n) < floor + (effect if place == 0 else 0),
                    random.random(n) < floor,
                    attributes,
                ).low
                for place in range(attributes)
            ]
            for _ in range(repetitions)
        ]
    ).max(axis=1)
    return (lows > 0.05).mean(), (lows > 0.01).mean()


@pytest.mark.parametrize("floor", [0.0, 0.02, 0.15])
@pytest.mark.parametrize("n", [120, 1000])
def test_noise_alone_hardly_ever_flags(n, floor):
    fails, warnings = _rates(n, floor, 0.0)
    assert fails <= 0.01
    assert warnings <= 0.08


def test_a_clear_effect_is_found():
    assert _rates(300, 0.02, 0.15, repetitions=100)[0] >= 0.9
