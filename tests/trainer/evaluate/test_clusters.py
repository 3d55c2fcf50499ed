"""Rows of one cluster are not as many facts as rows: every interval knows."""

import numpy as np
import pytest

from trainer.evaluate.clusters import mean_error
from trainer.evaluate.compare import paired_difference
from trainer.evaluate.measure import measure
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.spread import spread_of


def _model(seed: int, clusters: int = 100, each: int = 8, shared: float = 0.9) -> Predictions:
    """Rows of a cluster are right or wrong together."""
    random = np.random.default_rng(seed)
    doubt = np.repeat(random.normal(size=clusters), each) * np.sqrt(shared)
    doubt += np.sqrt(1 - shared) * random.normal(size=clusters * each)
    gold = random.integers(0, 2, clusters * each)
    answered = np.where(doubt < 0.84, gold, 1 - gold)
    names = tuple(f"c{c}" for c in np.repeat(np.arange(clusters), each))
    ids = tuple(map(str, range(len(gold))))
    return Predictions(("a", "b"), gold, np.eye(2)[answered] * 0.8 + 0.1, ids, names)


def _width(found: Predictions, name: str) -> float:
    metric = next(m for m in measure(found, "test") if m.name == name and not m.group)
    assert metric.low is not None
    assert metric.high is not None
    return metric.high - metric.low


def _without(found: Predictions) -> Predictions:
    return Predictions(found.labels, found.gold, found.probabilities, found.ids)


def test_the_error_of_a_mean_is_that_of_the_literature() -> None:
    random = np.random.default_rng(0)
    values = np.repeat(random.normal(size=1000), 10) * np.sqrt(0.3)
    values += np.sqrt(0.7) * random.normal(size=10_000)
    names = [f"c{c}" for c in np.repeat(np.arange(1000), 10)]
    # The design effect is 1 + (10 − 1)·0.3 = 3.7, so errors are √3.7 times as large.
    ratio = mean_error(values, names) / mean_error(values, ())
    assert ratio == pytest.approx(np.sqrt(3.7), rel=0.08)


def test_clusters_of_one_change_hardly_anything() -> None:
    values = np.random.default_rng(1).normal(size=500)
    assert mean_error(values, [str(i) for i in range(500)]) == pytest.approx(mean_error(values, ()))


@pytest.mark.parametrize(
    "name", ["accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "log_loss", "brier"]
)
def test_intervals_are_wider_where_rows_go_together(name: str) -> None:
    found = _model(2)
    assert _width(found, name) > 1.7 * _width(_without(found), name)


def test_paired_differences_and_standings_know_clusters_too() -> None:
    one, other = _model(3), _model(4)
    other = Predictions(one.labels, one.gold, other.probabilities, one.ids, one.clusters)
    for metric in ("accuracy", "macro_f1", "roc_auc"):
        wide = paired_difference(one, other, metric)
        narrow = paired_difference(_without(one), _without(other), metric)
        assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    spread = spread_of([one, other], "macro_f1", resamples=300)
    plain = spread_of([_without(one), _without(other)], "macro_f1", resamples=300)
    assert spread.error(0, 1) > 1.5 * plain.error(0, 1)


def test_the_interval_of_a_share_keeps_its_promise() -> None:
    held = 0
    for seed in range(200):
        metric = measure(_model(seed, clusters=60, each=5), "test")[0]
        held += bool(metric.low and metric.high and metric.low <= 0.8 <= metric.high)
    assert 0.90 <= held / 200 <= 0.99


def test_few_clusters_give_no_interval_and_say_why() -> None:
    metric = measure(_model(5, clusters=9, each=50), "test")[0]
    assert metric.low is None
    assert "9 clusters" in metric.how
