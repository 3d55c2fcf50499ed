"""How often the shown 95 % intervals hold the truth, and how often paired tests cry wolf.

Run it with `python benchmarks/coverage.py [repetitions]`; 1000 repetitions take some minutes on one
core and give each rate to within 0.014. A row below 0.93 or above 0.98 for n >= 200 is a reason to
look at `trainer/evaluate/intervals.py` again.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from trainer.evaluate.arrays import FloatArray, IntArray
from trainer.evaluate.compare import paired_difference
from trainer.evaluate.influence import PSEUDO_EXAMPLES, auc_influence
from trainer.evaluate.measure import measure
from trainer.evaluate.metrics import ClassCounts, macro_f1, mcc, weighted_f1
from trainer.evaluate.permutation import permutation_p
from trainer.evaluate.predictions import Predictions


@dataclass(frozen=True)
class World:
    """A population of answers: shape (K, K), the share of each true and answered class."""

    name: str
    cells: FloatArray

    @property
    def truth(self) -> dict[str, float]:
        counts = ClassCounts(np.diag(self.cells), self.cells.sum(axis=1), self.cells.sum(axis=0))
        return {
            "accuracy": float(np.trace(self.cells)),
            "macro_f1": float(macro_f1(counts)),
            "weighted_f1": float(weighted_f1(counts)),
            "mcc": float(mcc(counts)),
        }

    def sample(self, n: int, random: np.random.Generator) -> Predictions:
        classes = len(self.cells)
        drawn = random.choice(classes * classes, n, p=self.cells.ravel())
        gold, answered = np.divmod(drawn, classes)
        labels = tuple(f"label{k}" for k in range(classes))
        return Predictions(labels, gold, np.eye(classes)[answered])


def worlds() -> Iterator[World]:
    """Balanced and uneven classes, errors spread or gathered in a few cells."""
    for classes in (2, 3, 10):
        for right in (0.6, 0.8, 0.9, 0.98):
            for uneven in (False, True):
                share = np.linspace(1, 3 if uneven else 1, classes)
                wrong = np.tile(np.arange(1, classes + 1) ** (2 if uneven else 0), (classes, 1))
                wrong = wrong.astype(float)
                np.fill_diagonal(wrong, 0)
                rows = (1 - right) * wrong / wrong.sum(axis=1, keepdims=True)
                rows += right * np.eye(classes)
                kind = "uneven" if uneven else "even"
                name = f"K={classes:<2} accuracy={right:.2f} {kind:<6}"
                yield World(name, (share / share.sum())[:, None] * rows)


def coverage_of_answers(repetitions: int) -> None:
    print(f"{'answers':<31} {'n':>5}  accuracy  macro_f1  weighted_f1  mcc   (share that cover)")
    for world in worlds():
        for n in (200, 500, 1000):
            random = np.random.default_rng(n)
            truth, hits, shown = world.truth, dict.fromkeys(world.truth, 0), dict(world.truth)
            shown = dict.fromkeys(truth, 0)
            for _ in range(repetitions):
                for metric in measure(world.sample(n, random), "test")[:4]:
                    if metric.low is None or metric.high is None:
                        continue
                    shown[metric.name] += 1
                    hits[metric.name] += metric.low <= truth[metric.name] <= metric.high
            rates = [
                f"{hits[name] / shown[name]:.3f}" if shown[name] else "  -  " for name in truth
            ]
            print(f"{world.name:<31} {n:>5}  " + "     ".join(rates))


Scores = Callable[[int, int, float, np.random.Generator], tuple[FloatArray, FloatArray]]


def equal_spread(
    ones: int, zeros: int, area: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    return random.normal(norm.ppf(area) * 2**0.5, 1, ones), random.normal(0, 1, zeros)


def wider_positives(
    ones: int, zeros: int, area: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    return random.normal(norm.ppf(area) * 5**0.5, 2, ones), random.normal(0, 1, zeros)


def exponential(
    ones: int, zeros: int, area: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    return random.exponential(area / (1 - area), ones), random.exponential(1, zeros)


def coverage_of_areas(repetitions: int) -> None:
    print(f"\n{'area under the curve':<31} positives/n: area=0.70   0.85   0.95   0.99")
    kinds: list[Scores] = [equal_spread, wider_positives, exponential]
    for kind in kinds:
        for ones, zeros in ((100, 100), (20, 180), (50, 450), (250, 250)):
            rates = []
            for area in (0.7, 0.85, 0.95, 0.99):
                random, hits = np.random.default_rng(ones), 0
                for _ in range(repetitions):
                    scores = np.concatenate(kind(ones, zeros, area, random))
                    found = auc_influence(scores, np.arange(len(scores)) < ones, PSEUDO_EXAMPLES)
                    assert found is not None
                    hits += found.interval.low <= area <= found.interval.high
                rates.append(f"{hits / repetitions:.3f}")
            print(f"{kind.__name__:<31} {ones:>4}/{ones + zeros:<4}           " + "  ".join(rates))


def errors_of_paired_tests(repetitions: int) -> None:
    """Two models that are equally good; each p below 0.05 is a false alarm."""
    names = ("accuracy", "macro_f1", "mcc", "roc_auc", "log_loss")
    columns = (*names, "macro_f1 by swaps")
    print(f"\n{'equal models, p < 0.05':<31} {'n':>5}  " + "  ".join(columns))
    for classes, signal in ((2, 1.5), (2, 4.0), (10, 2.0), (10, 4.5)):
        for n in (200, 1000):
            random, alarms = np.random.default_rng(n), dict.fromkeys(columns, 0)
            for _ in range(repetitions):
                a, b = equal_models(n, classes, signal, random)
                for name in names:
                    alarms[name] += paired_difference(a, b, name, resamples=500).p < 0.05
                alarms[columns[-1]] += permutation_p(a, b, "macro_f1", permutations=500) < 0.05
            rates = [f"{alarms[name] / repetitions:.3f}" for name in columns]
            print(f"K={classes:<2} signal={signal:<20} {n:>5}  " + "     ".join(rates))


def equal_models(
    n: int, classes: int, signal: float, random: np.random.Generator
) -> list[Predictions]:
    """Two models that share half of their doubts."""
    gold: IntArray = random.integers(0, classes, n)
    shared, found = random.normal(size=(n, classes)), []
    for _ in range(2):
        scores = shared + random.normal(size=(n, classes))
        scores[np.arange(n), gold] += signal
        rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        found.append(Predictions(tuple(f"label{k}" for k in range(classes)), gold, rows))
    return found


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    coverage_of_answers(times)
    coverage_of_areas(times)
    errors_of_paired_tests(times)
