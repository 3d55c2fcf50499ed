"""Time of the arithmetic at the size of a large board, beside a loop over scikit-learn.

    python benchmarks/evaluate.py

10,000 predictions, 77 classes, 1,000 resamples, in one run on one core. The loop is timed on a few
resamples and scaled up, which is said. Standings are of 12 and 50 runs, with 2,000 resamples.
"""

import time
from collections.abc import Callable

import numpy as np
from sklearn import metrics as sk

from trainer.evaluate import metrics as own
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.resampling import smoothed_counts
from trainer.evaluate.scoring import area
from trainer.evaluate.standings import compare_all

ROWS, CLASSES, RESAMPLES, LOOPED = 10_000, 77, 1000, 3


def model(seed: int, gold: np.ndarray, signal: float) -> Predictions:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(len(gold), CLASSES))
    scores[np.arange(len(gold)), gold] += signal
    rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = tuple(f"label{k}" for k in range(CLASSES))
    return Predictions(labels, gold, rows, tuple(map(str, range(len(gold)))))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def counted(found: Predictions) -> None:
    """Accuracy, macro and weighted F1 and MCC of every resample."""
    _, drawn = smoothed_counts(found.gold, found.predicted, CLASSES, RESAMPLES, 0)
    for function in (own.accuracy, own.macro_f1, own.weighted_f1, own.mcc):
        function(drawn)


def by_loop(found: Predictions, score: Callable[[np.ndarray], object]) -> float:
    """Seconds of 1,000 resamples by scikit-learn, from a few."""
    random = np.random.default_rng(0)
    draws = [random.integers(0, ROWS, ROWS) for _ in range(LOOPED)]
    return timed(lambda: [score(rows) for rows in draws]) * RESAMPLES / LOOPED


def main() -> None:
    gold = np.random.default_rng(0).integers(0, CLASSES, ROWS)
    found = model(1, gold, 3.5)
    said, labels = found.predicted, list(range(CLASSES))

    def loop_counted(rows: np.ndarray) -> None:
        sk.accuracy_score(gold[rows], said[rows])
        for average in ("macro", "weighted"):
            sk.f1_score(gold[rows], said[rows], labels=labels, average=average, zero_division=0)
        sk.matthews_corrcoef(gold[rows], said[rows])

    def loop_area(rows: np.ndarray) -> None:
        sk.roc_auc_score(gold[rows], found.probabilities[rows], multi_class="ovr", labels=labels)

    print(f"{'10,000 predictions, 77 classes, 1,000 resamples':<52} {'ours':>8} {'loop':>10}")
    rows = (
        ("accuracy, macro F1, weighted F1, MCC", lambda: counted(found), loop_counted),
        ("macro ROC AUC with interval", lambda: area(found, None), loop_area),
    )
    for name, work, loop in rows:
        print(f"{name:<52} {timed(work):>7.2f}s {by_loop(found, loop):>9.0f}s")
    for count in (12, 50):
        runs = [model(10 + i, gold, 3.0 + 0.02 * i) for i in range(count)]
        for metric in ("accuracy", "macro_f1", "roc_auc"):
            taken = timed(lambda runs=runs, metric=metric: compare_all(runs, metric))
            print(f"{f'standings of {count} runs by {metric}':<52} {taken:>7.2f}s")


if __name__ == "__main__":
    main()
