"""What the metrics mean, in words and as formulas, with where they come from.

The code is `trainer/evaluate`; its tests hold each against scikit-learn or a paper's own example.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """One metric."""

    meaning: str
    formula: str
    source: str


_F1 = "van Rijsbergen 1979, “Information Retrieval”"
_ERROR = "usual definition"
METRICS = {
    "accuracy": Formula("share of rows that are right", "right / n", "interval: Wilson 1927"),
    "macro_f1": Formula(
        "mean F1 of all labels, each counting the same", "Σ F1(label) / labels", _F1
    ),
    "weighted_f1": Formula(
        "mean F1, labels counting by their rows", "Σ n(label)·F1(label) / n", _F1
    ),
    "roc_auc": Formula(
        "chance that a positive row is scored above a negative one",
        "Mann–Whitney U / (n₊·n₋)",
        "DeLong et al. 1988; several labels: mean of one against the rest",
    ),
    "pr_auc": Formula(
        "precision averaged over recall", "Σ (Rₖ − Rₖ₋₁)·Pₖ", "average precision, Zhu 2004"
    ),
    "mcc": Formula(
        "correlation of truth and answer, 0 for guessing",
        "covariance of the confusion table, scaled",
        "Matthews 1975; Gorodkin 2004 for several labels",
    ),
    "log_loss": Formula("what the right label cost, in nats", "−Σ ln p(right) / n", _ERROR),
    "brier": Formula("squared error of the probabilities", "Σ Σ (p − y)² / n", "Brier 1950"),
    "ece": Formula(
        "how far stated probabilities are from the truth, bias taken out",
        "Σ |share right − mean p| · rows / n",
        "Kumar et al. 2019, “Verified uncertainty calibration”",
    ),
    "entity_f1": Formula(
        "entities whose type and words are right", "2·P·R / (P + R)", "Tjong Kim Sang 2003, CoNLL"
    ),
    "exact_match": Formula(
        "answers that are a right one, case and articles aside",
        "exact / n",
        "Rajpurkar et al. 2016",
    ),
    "token_f1": Formula(
        "words that answer and truth share", "2·P·R / (P + R) of words", "Rajpurkar et al. 2016"
    ),
    "rouge_l": Formula(
        "longest common run of words in order", "F of LCS / length", "Lin 2004, “ROUGE”"
    ),
    "chrf": Formula(
        "character groups that both share", "F₂ of character 1- to 6-grams", "Popović 2015"
    ),
    "valid_rate": Formula("answers that have the form asked for", "valid / n", _ERROR),
    "unparsable_rate": Formula(
        "answers that could not be read; they count as wrong", "unreadable / n", _ERROR
    ),
    "mae": Formula("mean distance from the right number", "Σ |ŷ − y| / n", _ERROR),
    "rmse": Formula("root of the mean squared distance", "√(Σ (ŷ − y)² / n)", _ERROR),
    "r2": Formula("share of the variance that is explained", "1 − Σ(ŷ−y)² / Σ(y−ȳ)²", _ERROR),
    "bits_per_byte": Formula(
        "how dear texts are to the model; lower is better",
        "−Σ log₂ p(token) / bytes",
        "Gao et al. 2020, “The Pile”",
    ),
    "latency_p95_ms": Formula(
        "95 of 100 single requests are answered faster",
        "order statistic",
        "interval: binomial ranks",
    ),
    "cost_per_1000": Formula(
        "of 1,000 answers, by the prices of the settings", "hours · price", "tuneboard.toml"
    ),
}
