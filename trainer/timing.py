"""How long one request takes: single examples, one after the other, after a warm-up."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from storage.records import Metric
from trainer.data.schema import Example
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.intervals import mean_interval
from trainer.stopping import StopRequest

WARM_UP = 5
REQUESTS = 200
"""Fewer say little about the 95th percentile (10 requests above it)."""
LEAST = 20
BUDGET_S = 60.0
"""A model that writes long answers is timed on fewer rows: the mean, and no 95th percentile."""
QUANTILES = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95}
LATE = 0.9
NAMES = ("latency_mean_ms", *QUANTILES)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds of the first timed rows of a split, shape (timed,)."""

    milliseconds: FloatArray
    rows: int
    where: str

    def metrics(self) -> tuple[Metric, ...]:
        """The mean, the median and the 95th percentile, each with its interval."""
        if not len(self.milliseconds):
            reason = f"the test has {self.rows} rows; {REQUESTS} timed requests are needed"
            return tuple(
                Metric(name=name, split="run", value=None, n=self.rows, missing_because=reason)
                for name in NAMES
            )
        quantiles = (self._quantile(name, share) for name, share in QUANTILES.items())
        return (self._mean(), *quantiles)

    def _mean(self) -> Metric:
        """For costs: it is the mean, not the median, that adds up."""
        interval = mean_interval(self.milliseconds)
        return Metric(
            name="latency_mean_ms",
            split="run",
            value=float(self.milliseconds.mean()),
            low=interval.low,
            high=interval.high,
            n=len(self.milliseconds),
            how=f"timed one request at a time on {self.where}; {interval.how}",
        )

    def _quantile(self, name: str, share: float) -> Metric:
        from scipy.stats import binom

        n = len(self.milliseconds)
        if n < REQUESTS and share > LATE:
            reason = f"{n} requests took {BUDGET_S:.0f} s; {REQUESTS} are needed"
            return Metric(name=name, split="run", value=None, n=n, missing_because=reason)
        ordered = np.sort(self.milliseconds)
        low, high = int(binom.ppf(0.025, n, share)), int(binom.ppf(0.975, n, share))
        value = float(np.quantile(ordered, share))
        return Metric(
            name=name,
            split="run",
            value=value,
            low=min(float(ordered[max(low - 1, 0)]), value),
            high=max(float(ordered[min(high, n - 1)]), value),
            n=n,
            how=f"timed one request at a time on {self.where}, after {WARM_UP} to warm up; "
            "interval by order statistics",
        )


def time_requests(
    ask: Callable[[Example], object], rows: Sequence[Example], where: str, stop: StopRequest
) -> Latencies:
    """Time the first 200 rows, or none where there are fewer; fewer if that takes too long."""
    if len(rows) < REQUESTS:
        return Latencies(np.empty(0), len(rows), where)
    for row in rows[:WARM_UP]:
        ask(row)
    taken: list[float] = []
    until = time.monotonic() + BUDGET_S
    for row in rows[:REQUESTS]:
        stop.raise_if_requested()
        if time.monotonic() > until and len(taken) >= LEAST:
            break
        began = time.perf_counter()
        ask(row)
        taken.append(1000 * (time.perf_counter() - began))
    return Latencies(np.array(taken), len(rows), where)
