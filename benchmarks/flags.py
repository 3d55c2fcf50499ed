"""How often each flag fires by mistake, at its margin and where it should; writes docs/flags.md.

    python benchmarks/flags.py [--quick]

Every flag is tried on synthetic runs without an effect, with an effect as large as its margin, and
with a clear one. A last table says how often a wholly clean run is flagged by any of them. Targets:
a fail at most 1 %, a warning at most 8 %, any flag of a clean run at most 12 %. The full run takes
about five minutes on one core.
"""

import argparse
import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import norm

from storage.records import Check, Outcome, Policy
from trainer.checks import (
    bias_amplification,
    bias_groups,
    calibration,
    forgetting_tasks,
    forgetting_text,
    leakage_near,
    lexical_support,
    membership,
    overfit_gap,
    overfit_upturn,
    stereotypes,
    underfit,
)
from trainer.data.near import Near
from trainer.evaluate import amplification_against, board_checks, contamination
from trainer.evaluate.board_checks import beats_baseline, seed_variance
from trainer.evaluate.compare import paired_difference
from trainer.evaluate.flips import flip_excess
from trainer.evaluate.forgetting import Retention, TextLosses
from trainer.evaluate.lexical import Answer
from trainer.evaluate.luck import pooled
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.sentence_pairs import SentencePairs, SentencePairScores
from trainer.evaluate.spread import spread_of

PAGE = Path(__file__).parents[1] / "docs" / "flags.md"
POLICY = Policy()
Random = np.random.Generator
Simulate = Callable[[float, Random], Check]


@dataclass(frozen=True)
class Flag:
    """One flag: what it is tried with (none, margin, clear), in what unit, and how often."""

    identity: str
    simulate: Simulate
    effects: tuple[float, float, float]
    setting: str
    repetitions: int = 1000


@dataclass(frozen=True)
class Rates:
    """Shares of the simulated runs."""

    fail: float
    warn: float
    inconclusive: float


# --- synthetic runs ------------------------------------------------------------------------------


def binary(n: int, right: float, random: Random, ids: bool = False) -> Predictions:
    """A model of two labels that is right with this probability, its scores spread."""
    gold = random.integers(0, 2, n)
    answered = np.where(random.random(n) < right, gold, 1 - gold)
    sure = 0.5 + 0.5 * random.random(n)
    rows = np.where(np.eye(2, dtype=bool)[answered], sure[:, None], 1 - sure[:, None])
    return Predictions(("a", "b"), gold, rows, tuple(map(str, range(n))) if ids else ())


def gap(effect: float, random: Random) -> Check:
    return overfit_gap.check(binary(500, 0.8 + effect, random), binary(500, 0.8, random), 0.05)


def upturn(effect: float, random: Random) -> Check:
    n = 300
    curve = np.concatenate([np.linspace(1.6, 1, 5), 1 + effect * np.linspace(0.2, 1, 5)])
    own = random.lognormal(0, 1, n) / np.exp(0.5)
    wander = random.lognormal(0, 0.25, (10, n)) / np.exp(0.25**2 / 2)
    losses = 0.3 * curve[:, None] * own * wander
    ids = [str(i) for i in range(n)]
    return overfit_upturn.check(losses, np.arange(1, 11) * 10, ids, 100, 0.05)


def learnt(effect: float, random: Random) -> Check:
    """The effect is what is missing: 0 is a model that is right in 80 %, 0.3 one that guesses."""
    return underfit.check(binary(500, 0.8 - effect, random))


def member(effect: float, random: Random) -> Check:
    shift = norm.ppf(0.5 + effect) * np.sqrt(2)
    train, other = random.normal(-shift, 1, 500), random.normal(0, 1, 500)
    return membership.check(train, other, POLICY, divided_by_chance=True)


def near(effect: float, random: Random) -> Check:
    """A tenth of the test rows are nearly training rows; they are answered better by the effect."""
    n = 1000
    hit = np.arange(n) < 100
    correct = random.random(n) < np.where(hit, 0.7 + effect, 0.7)
    found = Near(hit.astype(float), np.zeros(n, np.int64), np.ones(n, np.bool_))
    texts = (["text"] * n, ["text"])
    check = leakage_near.check(found, np.zeros(n, np.bool_), correct, texts, 0.01)
    counted = check.outcome is Outcome.WARN  # any hit warns; by chance it can only fail
    return check.model_copy(update={"outcome": Outcome.PASS}) if counted else check


def groups(effect: float, random: Random) -> Check:
    """Two groups of 500; the label is given to 30 % of the one, to less of the other."""
    values = np.repeat(["x", "y"], 500)
    share = np.where(values == "y", 0.3 * (1 - effect), 0.3)
    given = (random.random(1000) < share).astype(int)
    test = Predictions(("no", "yes"), given, np.eye(2)[given] * 0.8 + 0.1)
    return bias_groups.check(test, {"group": values.tolist()}, ("yes",), 0.8, 100)


def flips(effect: float, random: Random) -> Check:
    """Eight attributes of 300 texts with a noise floor of 1 %; one of them flips more."""
    found = []
    for attribute in range(8):
        control = random.random(300) < 0.01
        swapped = random.random(300) < 0.01 + (effect if attribute == 0 else 0)
        found.append(flip_excess(swapped, control, 8))
    low, high = max(f.low for f in found), max(f.high for f in found)
    outcome = Outcome.PASS if high < POLICY.flip_fail else Outcome.WARN
    reason = "inconclusive" if low <= POLICY.flip_warn else ""
    if low > POLICY.flip_fail:
        outcome = Outcome.FAIL
    return Check(id="bias_counterfactual", outcome=outcome, value=low, reason=reason)


def lean(effect: float, random: Random) -> Check:
    values = np.repeat(["x", "y"], 500)
    gold = (random.random(1000) < 0.5).astype(int)
    said = np.where(random.random(1000) < 0.1, 1 - gold, gold)
    said = np.where((values == "y") & (random.random(1000) < effect), 1, said)
    test = Predictions(("no", "yes"), gold, np.eye(2)[said] * 0.8 + 0.1)
    return bias_amplification.check(test, {"group": values.tolist()}, 0.02, 100)


def stereotype(effect: float, random: Random) -> Check:
    n = 1508
    ids, types = tuple(map(str, range(n))), ("age",) * n

    def pairs(share: float) -> SentencePairs:
        return SentencePairs(ids, types, (random.random(n) < share) - 0.5, np.zeros(n))

    return stereotypes.check(SentencePairScores(pairs(0.5 + effect), pairs(0.5)))


def calibrated(effect: float, random: Random) -> Check:
    """Logits too large by 1 + effect."""
    logits = random.normal(0, 1.5, (1000, 3))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = (honest.cumsum(axis=1) > random.random((1000, 1))).argmax(axis=1)
    said = np.exp((1 + effect) * logits)
    test = Predictions(("a", "b", "c"), gold, said / said.sum(axis=1, keepdims=True))
    return calibration.check(test, None)


def general_text(effect: float, random: Random) -> Check:
    size = np.full(100, 2000.0)
    base = 1400 * np.exp(random.normal(0, 0.2, 100))
    tuned = base * (1 + effect) * np.exp(random.normal(0, 0.15, 100))
    return forgetting_text.check(TextLosses(base, tuned, size), POLICY)


def suite(effect: float, random: Random) -> Check:
    """2,000 items of which 5 % change and the effect is lost."""
    draw = random.random(2000)
    worse, better = (0.05 + effect) / 2, max(0.05 - effect, 0) / 2
    base = np.where(draw < worse, True, np.where(draw < worse + better, False, draw < 0.8))
    tuned = np.where(draw < worse, False, np.where(draw < worse + better, True, base))
    return forgetting_tasks.check(Retention(base, tuned, ("a",) * 2000), POLICY)


def invented(effect: float, random: Random) -> Check:
    sources = {"s": "New staff get 20 days of leave."}
    bad, good = Answer("They get 99 days.", sources), Answer("They get 20 days.", sources)
    return lexical_support.check([bad if random.random() < effect else good for _ in range(200)])


def seeds(effect: float, random: Random) -> Check:
    """Five seeds whose true accuracies have this standard deviation, on 400 rows."""
    gold = random.integers(0, 2, 400)
    common, runs = random.normal(size=400), []
    for _ in range(5):
        level = min(max(0.8 + effect * random.normal(), 0.05), 0.99)
        doubt = np.sqrt(0.8) * common + np.sqrt(0.2) * random.normal(size=400)
        said = np.where(doubt < norm.ppf(level), gold, 1 - gold)
        ids = tuple(map(str, range(400)))
        runs.append(Predictions(("a", "b"), gold, np.eye(2)[said] * 0.8 + 0.1, ids))
    found = pooled(spread_of(runs, "accuracy", resamples=100))
    return seed_variance(found, 5, POLICY.seed_spread_limit, "accuracy")


def against_baseline(effect: float, random: Random) -> Check:
    """The run is worse by the effect; 10 % of 500 rows are answered differently."""
    draw, gold = random.random(500), random.integers(0, 2, 500)
    better = draw < (0.1 - effect) / 2
    worse = (draw >= (0.1 - effect) / 2) & (draw < 0.1)
    rest = np.where(draw < 0.85, gold, 1 - gold)
    own, other = np.where(worse, 1 - gold, rest), np.where(better, 1 - gold, rest)

    def model(said: np.ndarray) -> Predictions:
        return Predictions(("a", "b"), gold, np.eye(2)[said] * 0.8 + 0.1)

    own = np.where(better, gold, own)
    other = np.where(worse, gold, other)
    found = paired_difference(model(own), model(other), "accuracy")
    check = beats_baseline(found, "tfidf")
    if check.outcome is Outcome.WARN:
        return check.model_copy(update={"reason": "inconclusive"})
    return check


FLAGS = (
    Flag("overfit_gap", gap, (0.0, 0.05, 0.15), "gap of accuracy, n = 500 each"),
    Flag("overfit_upturn", upturn, (0.0, 0.05, 0.20), "rise of validation loss, n = 300"),
    Flag("underfit", learnt, (0.0, 0.25, 0.30), "accuracy below 0.8, two labels, n = 500"),
    Flag("membership", member, (0.0, 0.10, 0.20), "ROC area above 0.5, n = 500 each"),
    Flag("leakage_near", near, (0.0, 0.05, 0.28), "accuracy gained on 100 hits of 1,000 rows"),
    Flag("bias_groups", groups, (0.0, 0.2, 0.4), "share lost by one of two groups of 500"),
    Flag("bias_counterfactual", flips, (0.0, 0.05, 0.20), "flips more, 8 attributes of 300 texts"),
    Flag("bias_amplification", lean, (0.0, 0.02, 0.20), "label added to one of two groups of 500"),
    Flag("stereotypes", stereotype, (0.0, 0.05, 0.20), "preference above 50 %, 1,508 pairs", 300),
    Flag("calibration", calibrated, (0.0, 0.15, 1.0), "logits too large, n = 1,000", 200),
    Flag("forgetting_text", general_text, (0.0, 0.05, 0.10), "dearer text, 100 documents"),
    Flag("forgetting_tasks", suite, (0.0, 0.02, 0.05), "accuracy lost, 2,000 items"),
    Flag("lexical_support", invented, (0.0, 0.02, 0.15), "answers that invent, n = 200", 200),
    Flag("seed_variance", seeds, (0.0, 0.02, 0.08), "deviation between 5 seeds, n = 400", 300),
    Flag("beats_baseline", against_baseline, (0.0, 0.02, 0.05), "worse than it, n = 500"),
)

COUNTED = {
    "leakage_exact": "trainer.checks.leakage_exact",
    "adapter_reload": "trainer.checks.reload",
}
ON_THE_BOARD = {
    "test_size": board_checks.test_size,
    "test_reuse": board_checks.test_reuse,
    "regression_set": board_checks.regression_set,
    "underpowered": board_checks.underpowered,
    "seed_variance": board_checks.seed_variance,
    "beats_baseline": board_checks.beats_baseline,
    "leakage_registered": contamination.registered_overlap,
    "bias_amplification_base": amplification_against.amplification_against,
}
MODULES = {flag.identity: f"trainer.checks.{flag.identity}" for flag in FLAGS} | COUNTED
MODULES |= {"bias_counterfactual": "trainer.checks.counterfactual"}
OVERLONG = "trainer.data.tokens"

ADVICE = {
    "overfit_gap": "Fewer epochs, a lower rank or more rows; the run's page has the keys.",
    "overfit_upturn": "Train to the step with the lowest validation loss.",
    "underfit": "A higher learning rate, more epochs or a larger base.",
    "membership": "For data about people: fewer epochs, a lower rank, or do not release the model.",
    "leakage_exact": "Take the rows out of train, or label a new test set.",
    "leakage_near": "Look at the quoted pairs; rely on the score of the clean rows.",
    "leakage_registered": "Take the rows out of train before that task is measured.",
    "bias_groups": "Look at the labels of the group in train; balance or relabel them.",
    "bias_counterfactual": "Read the examples on the run's page; balance the groups in train.",
    "bias_amplification": "Balance the training rows of the groups it names.",
    "bias_amplification_base": "The lean came with the tuning: balance its training rows.",
    "stereotypes": "Informational: read the pairs; never decide by it alone.",
    "calibration": "Divide the logits by the temperature that is named, or do not show them.",
    "forgetting_text": "Fewer epochs, a lower rank, or general text learnt along (`tasks=`).",
    "forgetting_tasks": "As above; if inconclusive, a larger suite.",
    "lexical_support": "Read the answers it names beside their sources.",
    "seed_variance": "Report the mean over seeds; train longer or slower.",
    "underpowered": "Label as many test rows more as it says.",
    "test_reuse": "Label a new test set and register the task with it.",
    "regression_set": "Look at the examples it names, and add rows like them to train.",
    "test_size": "Label more test rows.",
    "beats_baseline": "Use the cheaper way, or label more test rows to tell them apart.",
    "adapter_reload": "Do not use the adapter: compare base, tokenizer and dtype.",
    "overlong": "A larger max_tokens, or shorter texts.",
}


# --- rates ---------------------------------------------------------------------------------------


def rates(flag: Flag, effect: float, share: float) -> Rates:
    count = max(20, int(flag.repetitions * share))
    random = np.random.default_rng(17)
    found = [flag.simulate(effect, random) for _ in range(count)]
    unsure = [is_inconclusive(check) for check in found]
    fails = np.mean([check.outcome is Outcome.FAIL for check in found])
    warns = [c.outcome is Outcome.WARN and not u for c, u in zip(found, unsure, strict=True)]
    return Rates(float(fails), float(np.mean(warns)), float(np.mean(unsure)))


def is_inconclusive(check: Check) -> bool:
    """A warning that only says that the rows cannot tell."""
    words = ("nconclusive", "not shown that", "nothing can be told", "cannot rule")
    return check.outcome is Outcome.WARN and any(word in check.reason for word in words)


def clean_run(random: Random) -> list[Check]:
    """All statistical flags of one run in which nothing is wrong."""
    statistical = [flag for flag in FLAGS if flag.identity != "beats_baseline"]
    return [flag.simulate(0.0, random) for flag in statistical]


def joint(repetitions: int) -> tuple[float, float]:
    """How often a clean run has any flag, and any fail."""
    random, flagged, failed = np.random.default_rng(23), 0, 0
    for _ in range(repetitions):
        found = clean_run(random)
        alarms = [c for c in found if c.outcome in {Outcome.WARN, Outcome.FAIL}]
        flagged += any(not is_inconclusive(check) for check in alarms)
        failed += any(check.outcome is Outcome.FAIL for check in found)
    return flagged / repetitions, failed / repetitions


# --- the page ------------------------------------------------------------------------------------


def describe(identity: str) -> str:
    """What is measured, by which formula, from which source: as the code itself says."""
    if identity in ON_THE_BOARD:
        text = inspect.getdoc(ON_THE_BOARD[identity]) or ""
        text = text.split("Args:")[0].rstrip() + source_of(text)
    elif identity == "overlong":
        function = importlib.import_module(OVERLONG).overlong
        text = (inspect.getdoc(function) or "").split("Args:")[0]
    else:
        text = importlib.import_module(MODULES[identity]).__doc__ or ""
    return "\n".join(line.strip() for line in text.strip().splitlines())


def source_of(text: str) -> str:
    """The source, where it stands behind the arguments."""
    tail = text.split("Args:")[-1] if "Args:" in text else ""
    return "\n\nSource:" + tail.split("Source:")[1] if "Source:" in tail else ""


def row(name: str, found: Sequence[Rates]) -> str:
    cells = [f"{r.fail:.1%} | {r.warn:.1%} | {r.inconclusive:.1%}" for r in found]
    return f"| {name} | {' | '.join(cells)} |"


def page(found: dict[str, list[Rates]], flagged: float, failed: float, repetitions: int) -> str:
    lines = [HEAD.format(flagged=flagged, failed=failed, repetitions=repetitions), TABLE_HEAD]
    for flag in FLAGS:
        none, margin, clear = flag.effects
        tried = f"{flag.setting}: {none:g}, {margin:g}, {clear:g}"
        lines.append(row(f"`{flag.identity}` ({tried})", found[flag.identity]))
    lines.append("")
    for identity in ADVICE:
        lines += [
            f"## {identity}",
            "",
            describe(identity),
            "",
            f"**What to do.** {ADVICE[identity]}",
        ]
        if identity not in found:
            lines += ["", "It is counted or computed, so that there is no rate of false alarms."]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


HEAD = """# What a flag means

For reviewers. This page is written by `benchmarks/flags.py`: the text of each flag is the code's
own, the rates are simulated. A *fail* or a *warning* says that an effect is larger than its limit
by more than chance explains; *inconclusive* is a warning that the rows cannot tell; *not run* never
counts as a pass. Which flag blocks is a matter of the policy (`tuneboard policy check FILE`).

A clean run, in which nothing is wrong, is flagged by at least one of the statistical flags in
**{flagged:.1%}** of {repetitions} simulated runs, and failed by one in **{failed:.1%}**.
Inconclusive warnings are not counted, nor is `beats_baseline`, for equal models should not pass it.

## Measured rates

Each flag without an effect, with an effect at its margin, and with a clear one: shares of runs that
fail, warn, and are inconclusive.
"""

COLUMNS = [f"{level}: fail | warn | unsure" for level in ("none", "margin", "clear")]
TABLE_HEAD = f"| flag (what was tried) | {' | '.join(COLUMNS)} |\n|{' --- |' * 10}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions; writes nothing")
    options = parser.parse_args()
    share = 0.05 if options.quick else 1.0
    found = {flag.identity: [rates(flag, e, share) for e in flag.effects] for flag in FLAGS}
    for flag in FLAGS:
        print(row(flag.identity, found[flag.identity]))
    repetitions = 20 if options.quick else 1000
    flagged, failed = joint(repetitions)
    print(f"a clean run: flagged {flagged:.1%}, failed {failed:.1%} of {repetitions}")
    if not options.quick:
        PAGE.write_text(page(found, flagged, failed, repetitions), encoding="utf-8")


if __name__ == "__main__":
    main()
