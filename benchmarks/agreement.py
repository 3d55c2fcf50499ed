"""The same numbers by other people's code: the largest difference of each metric and test.

    python benchmarks/agreement.py

writes docs/agreement.md. Each line is the largest absolute difference over random cases, with ties,
rare labels and labels that nobody answers; the worked examples are papers' own.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fairlearn.metrics import MetricFrame, selection_rate
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats import multitest, proportion

from trainer.evaluate import metrics as own
from trainer.evaluate.compare import holm, mcnemar_mid_p
from trainer.evaluate.influence import auc_influence
from trainer.evaluate.intervals import wilson
from trainer.evaluate.precision_recall import average_precision

PAGE = Path(__file__).parents[1] / "docs" / "agreement.md"
CASES = 200
Random = np.random.Generator
Differs = Callable[[Random], float]


def _case(random: Random) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """True and answered classes, probabilities, and how many classes there are."""
    classes = int(random.integers(2, 9))
    n = int(random.integers(20, 300))
    scores = np.round(random.normal(size=(n, classes)), 1)
    gold = random.integers(0, classes, n)
    scores[np.arange(n), gold] += 1
    rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return gold, rows.argmax(axis=1), rows, classes


def _f1(average: str) -> Differs:
    function = {"macro": own.macro_f1, "weighted": own.weighted_f1}[average]

    def differs(random: Random) -> float:
        gold, said, _, classes = _case(random)
        counts = own.class_counts(gold, said, classes)
        labels = list(range(classes))
        other = sk.f1_score(gold, said, labels=labels, average=average, zero_division=0)
        return abs(float(function(counts)) - other)

    return differs


def accuracy(random: Random) -> float:
    gold, said, _, classes = _case(random)
    counts = own.class_counts(gold, said, classes)
    return abs(float(own.accuracy(counts)) - sk.accuracy_score(gold, said))


def mcc(random: Random) -> float:
    gold, said, _, classes = _case(random)
    counts = own.class_counts(gold, said, classes)
    return abs(float(own.mcc(counts)) - sk.matthews_corrcoef(gold, said))


def precision_recall(random: Random) -> float:
    gold, said, _, classes = _case(random)
    found = own.precision_recall_f1(own.class_counts(gold, said, classes))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        gold, said, labels=list(range(classes)), zero_division=0
    )
    pairs = ((found.precision, precision), (found.recall, recall), (found.f1, f1))
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def roc_auc(random: Random) -> float:
    gold, _, rows, _ = _case(random)
    mine = own.roc_auc(rows[:, 0], gold == 0)
    return 0.0 if mine is None else abs(mine - sk.roc_auc_score(gold == 0, rows[:, 0]))


def influence_auc(random: Random) -> float:
    gold, _, rows, _ = _case(random)
    mine = auc_influence(rows[:, 0], gold == 0, 0.0)
    return 0.0 if mine is None else abs(mine.value - sk.roc_auc_score(gold == 0, rows[:, 0]))


def pr_auc(random: Random) -> float:
    gold, _, rows, _ = _case(random)
    if not (gold == 0).any():
        return 0.0
    mine = float(average_precision(rows[:, 0], gold == 0, np.ones(len(gold))))
    return abs(mine - sk.average_precision_score(gold == 0, rows[:, 0]))


def log_loss(random: Random) -> float:
    gold, _, rows, classes = _case(random)
    other = sk.log_loss(gold, rows, labels=list(range(classes)))
    return abs(own.log_loss(rows, gold) - other)


def brier(random: Random) -> float:
    gold, _, rows, classes = _case(random)
    other = sk.brier_score_loss(gold, rows, labels=list(range(classes)), scale_by_half="auto")
    return abs(own.brier(rows, gold) - other)


def wilson_bounds(random: Random) -> float:
    n = int(random.integers(1, 500))
    k = int(random.integers(0, n + 1))
    low, high = proportion.proportion_confint(k, n, 0.05, method="wilson")
    mine = wilson(k, n)
    return max(abs(mine.low - low), abs(mine.high - high))


def holm_p(random: Random) -> float:
    values = random.random(int(random.integers(1, 30)))
    other = multitest.multipletests(values, method="holm")[1]
    return float(np.abs(np.array(holm(list(values))) - other).max())


def mid_p(random: Random) -> float:
    b, c = (int(v) for v in random.integers(0, 40, 2))
    if b == c:
        return abs(mcnemar_mid_p(b, c) - 1.0)
    exact = stats.binomtest(min(b, c), b + c, 0.5).pvalue
    return abs(mcnemar_mid_p(b, c) - (exact - stats.binom.pmf(min(b, c), b + c, 0.5)))


def group_shares(random: Random) -> float:
    gold, said, _, _ = _case(random)
    said = (said == 0).astype(int)
    groups = random.choice(["x", "y", "z"], len(gold))
    frame = MetricFrame(
        metrics=selection_rate, y_true=gold == 0, y_pred=said, sensitive_features=groups
    )
    mine = {name: said[groups == name].mean() for name in np.unique(groups)}
    return max(abs(mine[name] - frame.by_group[name]) for name in mine)


AGREEMENTS: dict[str, tuple[str, Differs]] = {
    "accuracy": ("scikit-learn", accuracy),
    "macro F1": ("scikit-learn", _f1("macro")),
    "weighted F1": ("scikit-learn", _f1("weighted")),
    "precision, recall, F1 of each label": ("scikit-learn", precision_recall),
    "MCC": ("scikit-learn", mcc),
    "ROC AUC": ("scikit-learn", roc_auc),
    "ROC AUC by influence functions": ("scikit-learn", influence_auc),
    "PR AUC (average precision)": ("scikit-learn", pr_auc),
    "log loss": ("scikit-learn", log_loss),
    "Brier score": ("scikit-learn", brier),
    "Wilson interval": ("statsmodels", wilson_bounds),
    "Holm's correction": ("statsmodels", holm_p),
    "McNemar's mid-p": ("scipy, exact binomial less its point", mid_p),
    "share of a group given a label": ("fairlearn", group_shares),
}


def examples() -> list[tuple[str, str, float, float]]:
    """Worked examples of papers: what, where, theirs, ours."""
    low, high = wilson(81, 263).low, wilson(81, 263).high
    zero = wilson(0, 20).high
    return [
        ("Wilson, 81 of 263, lower", "Newcombe 1998, table I", 0.2553, low),
        ("Wilson, 81 of 263, upper", "Newcombe 1998, table I", 0.3662, high),
        ("Wilson, 0 of 20, upper", "Newcombe 1998, table I", 0.1611, zero),
        (
            "McNemar's mid-p, 1 and 7",
            "Fagerland et al. 2013, airways",
            0.0391,
            mcnemar_mid_p(1, 7),
        ),
    ]


def main() -> None:
    random = np.random.default_rng(0)
    lines = [
        "# Agreement with other people's code",
        "",
        f"Written by `benchmarks/agreement.py`: the largest difference over {CASES} random cases.",
        "",
        "| number | held against | largest difference |",
        "| --- | --- | --- |",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (reference, differs) in AGREEMENTS.items():
            largest = max(differs(random) for _ in range(CASES))
            lines.append(f"| {name} | {reference} | {largest:.1e} |")
    lines += ["", "| worked example | source | theirs | ours |", "| --- | --- | --- | --- |"]
    lines += [f"| {what} | {where} | {a:g} | {b:.4f} |" for what, where, a, b in examples()]
    text = "\n".join(lines) + "\n"
    print(text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
