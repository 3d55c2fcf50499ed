"""Chance on a board: the luck of the best, of seeds, and a test set asked too often."""

import numpy as np
import pytest
from scipy.stats import norm

from trainer.evaluate.board_checks import seed_variance
from trainer.evaluate.luck import Pooled, ladder, optimism, pool, pooled
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.spread import Spread, spread_of
from trainer.evaluate.standings import stand


def _runs(count, n, seed, share=0.8, shared=0.8, spread=0.0, luck=None):
    """Equal models of two labels whose errors go together; `spread` sets their seeds apart."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, 2, n)
    ids = tuple(f"e{row}" for row in range(n))
    common = random.normal(size=n)
    found = []
    random = random if luck is None else np.random.default_rng(luck)
    for _ in range(count):
        level = min(share + spread * random.normal(), 0.999)
        doubt = np.sqrt(shared) * common + np.sqrt(1 - shared) * random.normal(size=n)
        right = doubt < norm.ppf(level)
        answered = np.where(right, gold, 1 - gold)
        found.append(Predictions(("a", "b"), gold, np.eye(2)[answered] * 0.8 + 0.1, ids))
    return found


CASES = [(0.0, 0.0, 0.0, 0.1), (0.03, 0.0, 0.0, 0.1), (0.0, 0.06, 0.8, 1.0)]
"""How far seeds scatter, how much better one spec is, how often that is to be seen."""


def test_the_best_of_twenty_equal_runs_looks_two_points_too_good():
    seen, told = [], []
    for seed in range(25):
        spread = spread_of(_runs(20, 500, seed), "accuracy", resamples=300)
        seen.append(spread.values.max() - 0.8)
        told.append(optimism(spread, range(20)))
    # The excess over the common luck of the rows is what the best of many adds.
    assert np.mean(told) == pytest.approx(0.021, abs=0.006)
    assert np.mean(seen) == pytest.approx(np.mean(told), abs=0.01)


def test_one_run_alone_at_the_top_had_no_luck_in_being_chosen():
    assert optimism(spread_of(_runs(2, 300, 0), "accuracy", resamples=100), [0]) == 0


class TestSeeds:
    def test_seeds_that_are_equally_good_are_flagged_in_at_most_one_case_of_twenty(self):
        flagged = [self._check(seed, 0.0).outcome.value == "warn" for seed in range(100)]
        assert np.mean(flagged) <= 0.05

    def test_seeds_far_apart_are_flagged(self):
        flagged = [self._check(seed, 0.08).outcome.value == "warn" for seed in range(30)]
        assert np.mean(flagged) >= 0.7

    def test_two_seeds_are_too_few_to_tell(self):
        found = pooled(spread_of(_runs(2, 500, 0), "accuracy", resamples=100))
        check = seed_variance(found, 2, 0.02, "accuracy")
        assert check.outcome.value == "not_run"
        assert "3 are needed" in check.reason

    def test_the_interval_of_the_mean_holds_the_chance_of_rows_and_of_seeds(self):
        spread = spread_of(_runs(5, 500, 3, spread=0.03), "accuracy", resamples=400)
        found = pooled(spread)
        assert found.mean == pytest.approx(spread.values.mean())
        assert found.sd == pytest.approx(spread.values.std(ddof=1))
        half = found.high - found.mean
        covariance = np.cov(spread.resampled.T)
        shared = covariance[np.triu_indices(5, 1)].mean()
        assert half == pytest.approx(np.sqrt(2.776**2 * found.sd**2 / 5 + 1.96**2 * shared), 1e-3)

    @pytest.mark.parametrize(("shared", "scatter"), [(0.0, 0.0), (0.8, 0.0), (0.5, 0.02)])
    def test_the_interval_of_the_mean_neither_misses_nor_is_wasteful(self, shared, scatter):
        def held(seed):
            runs = _runs(5, 300, seed, shared=shared, spread=scatter)
            found = pooled(spread_of(runs, "accuracy", resamples=200))
            return found.low <= 0.8 <= found.high

        # 100 draws of a true 0.95 to 0.98 lie between these with 99 %.
        assert 0.88 <= np.mean([held(seed) for seed in range(100)]) <= 0.995

    def test_the_interval_of_the_mean_stays_in_the_range_and_has_a_width(self):
        two = pooled(spread_of(_runs(2, 200, 3, share=0.97, spread=0.03), "accuracy"))
        assert two.mean < two.high <= 1
        never_wrong = pooled(Spread("accuracy", 300, np.ones(3), np.ones((100, 3))))
        assert never_wrong.low < 1 == never_wrong.high

    @pytest.mark.parametrize(("scatter", "gain", "at_least", "at_most"), CASES)
    def test_specs_are_told_apart_by_more_than_the_luck_of_seeds(
        self, scatter, gain, at_least, at_most
    ):
        def told_apart(seed):
            better = _runs(5, 500, seed, 0.8 + gain, spread=scatter)
            runs = better + _runs(5, 500, seed, 0.8, spread=scatter, luck=seed + 1000)
            spread = spread_of(runs, "accuracy", resamples=300)
            return stand(pool(spread, [range(5), range(5, 10)])).beats.any()

        share = np.mean([told_apart(seed) for seed in range(80)])
        assert at_least <= share <= at_most

    @staticmethod
    def _check(seed, spread):
        runs = _runs(5, 400, seed, spread=spread)
        found = pooled(spread_of(runs, "accuracy", resamples=200))
        assert isinstance(found, Pooled)
        return seed_variance(found, 5, 0.02, "accuracy")


class TestLadder:
    def test_a_test_set_asked_a_thousand_times_does_not_creep_up(self):
        """Blum and Hardt's attack: vote of those random answers that looked better than half."""
        random = np.random.default_rng(0)
        gold = random.integers(0, 2, 1000)
        answers = random.integers(0, 2, (400, 1000))
        shares = (answers == gold).mean(axis=1)
        full = ((answers[shares > 0.5].mean(axis=0) > 0.5) == gold).mean()
        assert full > 0.6
        published = self._spread((answers == gold).astype(float))
        best = max(shares[i] for i, new in enumerate(ladder(published)) if new)
        assert best < 0.56

    def test_a_real_gain_is_published_and_a_worse_run_is_not(self):
        right = np.zeros((3, 1000))
        right[0, :600], right[1, :500], right[2, :800] = 1, 1, 1
        assert ladder(self._spread(right)) == (True, False, True)

    @staticmethod
    def _spread(right):
        random = np.random.default_rng(1)
        rows = random.integers(0, right.shape[1], (200, right.shape[1]))
        resampled = np.stack([right[:, chosen].mean(axis=1) for chosen in rows])
        return Spread("accuracy", right.shape[1], right.mean(axis=1), resampled)
