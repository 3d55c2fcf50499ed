"""O2: what is flagged, and how often by mistake."""

import numpy as np
import pytest

from storage.records import Outcome
from trainer.checks import overfit_upturn
from trainer.checks.recipe import Recipe

STEPS = np.arange(1, 11) * 10


def _losses(random, n, rise):
    """Ten evaluations: falling to the fifth, then rising by this share to the tenth.

    Losses are heavy-tailed, and an example's loss wanders from one evaluation to the next.
    """
    curve = np.concatenate([np.linspace(1.6, 1, 5), 1 + rise * np.linspace(0.2, 1, 5)])
    own = random.lognormal(0, 1, n) / np.exp(0.5)
    wander = random.lognormal(0, 0.25, (10, n)) / np.exp(0.25**2 / 2)
    return 0.3 * curve[:, None] * own * wander


def _check(losses, deployed=100, limit=0.05, **options):
    ids = [f"row{place}" for place in range(losses.shape[1])]
    return overfit_upturn.check(losses, STEPS, ids, deployed, limit, **options)


def _rates(n, rise, repetitions=300):
    random = np.random.default_rng(n)
    found = [_check(_losses(random, n, rise)).outcome for _ in range(repetitions)]
    flagged = [outcome in {Outcome.WARN, Outcome.FAIL} for outcome in found]
    return np.mean(flagged), np.mean([outcome is Outcome.FAIL for outcome in found])


@pytest.mark.parametrize("n", [100, 300, 1000])
def test_a_healthy_run_is_warned_of_in_at_most_one_of_ten_cases_and_never_failed(n):
    flagged, failed = _rates(n, rise=0.0)
    assert flagged <= 0.12
    assert failed <= 0.01


def test_a_clear_rise_is_failed_and_a_small_one_is_not():
    assert _rates(300, rise=0.4)[1] >= 0.95
    assert _rates(300, rise=0.05)[1] <= 0.08


def test_weights_of_the_best_step_pass_and_it_is_named():
    losses = _losses(np.random.default_rng(0), 200, rise=0.02)
    best = int(STEPS[losses.mean(axis=1).argmin()])
    found = _check(losses, deployed=best)
    assert found.outcome is Outcome.PASS
    assert f"best at step {best} of 100" in found.reason


def test_a_rise_names_the_best_step_and_what_to_do():
    found = _check(_losses(np.random.default_rng(0), 400, rise=0.6))
    assert found.outcome is Outcome.FAIL
    assert 0 < found.low < found.value < found.high
    assert "Task overfit" in found.reason
    assert (
        "Fewer epochs or a lower rank: validation loss was lowest at step 50 of 100" in found.advice
    )


def test_rising_loss_with_rising_accuracy_is_over_confidence():
    losses = _losses(np.random.default_rng(0), 400, rise=0.6)
    correct = np.arange(400)[None, :] < np.linspace(300, 390, 10)[:, None]
    found = _check(losses, correct=correct)
    assert "Calibration overfit" in found.reason
    assert "temperature" in found.advice
    worse = _check(losses, correct=correct[::-1])
    assert "Task overfit" in worse.reason


def test_the_order_of_examples_does_not_matter():
    losses = _losses(np.random.default_rng(1), 200, rise=0.2)
    ids = [f"row{place}" for place in range(200)]
    turned = overfit_upturn.check(losses[:, ::-1], STEPS, ids[::-1], 100, 0.05)
    found = overfit_upturn.check(losses, STEPS, ids, 100, 0.05)
    assert turned.value == pytest.approx(found.value)
    assert turned.outcome is found.outcome


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (np.ones((1, 100)), "measured 1 times"),
        (np.ones((10, 20)), "20 rows"),
        (np.full((10, 100), np.nan), "not finite"),
    ],
    ids=["one evaluation", "few rows", "nan"],
)
def test_what_cannot_be_judged_is_not(losses, message):
    ids = [f"row{place}" for place in range(losses.shape[1])]
    found = overfit_upturn.check(losses, STEPS[: len(losses)], ids, 10, 0.05)
    assert found.outcome is Outcome.NOT_RUN
    assert message in found.reason


def test_a_step_that_was_never_evaluated_is_our_mistake():
    with pytest.raises(ValueError, match="step 7 was never evaluated"):
        _check(np.ones((10, 50)), deployed=7)
    with pytest.raises(ValueError, match="shape"):
        overfit_upturn.check(np.ones((10, 50)), STEPS, ["a"], 10, 0.05)


def test_a_training_that_went_far_past_its_best_step_warns_with_keys_to_follow():
    random = np.random.default_rng(0)
    level = np.array([1.0, 0.6, 0.5, 0.7, 0.9, 1.1])
    losses = level[:, None] * np.exp(random.normal(0, 0.3, (6, 300)))
    ids = [f"e{row}" for row in range(300)]
    steps = np.arange(10, 70, 10)
    recipe = Recipe(epochs=12.0, rank=16, learning_rate=3e-3, best_share=0.5)
    found = overfit_upturn.check(losses, steps, ids, 30, 0.05, recipe=recipe)
    assert found.outcome is Outcome.WARN
    assert "lowest at step 30 of 60" in found.advice
    assert found.relaunch == "epochs=6"
    healthy = overfit_upturn.check(losses[:3], steps[:3], ids, 30, 0.05, recipe=recipe)
    assert (healthy.outcome, healthy.relaunch) == (Outcome.PASS, "")
