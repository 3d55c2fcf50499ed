"""Every check that one run can make about itself, in the order a reviewer reads them.

Checks that need other runs, or a policy's view of all, are the board's (`evaluate.board_checks`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.records import Check, Outcome, RunSpec, Split
from trainer.checks import (
    bias_amplification,
    bias_groups,
    calibration,
    counterfactual,
    forgetting_tasks,
    forgetting_text,
    lexical_support,
    membership,
    overfit_gap,
    overfit_upturn,
    stereotypes,
    underfit,
)
from trainer.checks.counterfactual import Counterfactual, Probe, Score
from trainer.checks.recipe import Recipe, recipe_of
from trainer.data.dataset import Dataset
from trainer.data.tokens import overlong
from trainer.evaluate.calibration import fit_temperature
from trainer.evaluate.measure import ROWS_FOR_TEMPERATURE
from trainer.evaluate.metrics import example_log_losses
from trainer.evaluate.predictions import Predictions
from trainer.evidence import Scored
from trainer.methods.fitting import Fitted
from trainer.stopping import StopRequest


@dataclass(frozen=True, slots=True)
class CheckInputs:
    """What a run knows about itself once it has scored its splits."""

    spec: RunSpec
    dataset: Dataset
    scored: Mapping[Split, Scored]
    fitted: Fitted
    probabilities: Score
    stop: StopRequest


@dataclass(frozen=True, slots=True)
class Checked:
    """All checks of a run, and the texts that show what one of them found."""

    checks: tuple[Check, ...]
    counterfactuals: tuple[Counterfactual, ...] = ()


def run_checks(inputs: CheckInputs) -> Checked:
    """Make every check; what cannot be measured is `not_run` with the reason."""
    probe = _counterfactuals(inputs)
    checks = (
        *_overfitting(inputs),
        _calibration(inputs),
        *_bias(inputs),
        probe.check,
        _stereotypes(inputs),
        forgetting_text.check(inputs.fitted.text_losses, inputs.spec.task.policy),
        forgetting_tasks.check(inputs.fitted.retention, inputs.spec.task.policy),
        lexical_support.check(
            inputs.fitted.answers, quote=not inputs.spec.task.has_sensitive_texts
        ),
        *_texts(inputs),
    )
    return Checked(checks, probe.examples)


def _overfitting(inputs: CheckInputs) -> tuple[Check, ...]:
    policy = inputs.spec.task.policy
    train = inputs.scored[Split.TRAIN].predictions
    validation = inputs.scored[Split.VALIDATION].predictions
    fitted = inputs.fitted
    recipe = recipe_of(fitted.training, fitted.steps, fitted.best_step)
    return (
        overfit_gap.check(train, validation, policy.overfit_gap_limit, recipe),
        _upturn(fitted, policy.upturn_limit, recipe),
        underfit.check(train, recipe),
        _membership(inputs, train, validation),
    )


def _membership(inputs: CheckInputs, train: Predictions, validation: Predictions) -> Check:
    task = inputs.spec.task
    return membership.check(
        example_log_losses(train.probabilities, train.gold),
        example_log_losses(validation.probabilities, validation.gold),
        task.policy,
        divided_by_chance=task.data.validation is None,
    )


def _calibration(inputs: CheckInputs) -> Check:
    validation = inputs.scored[Split.VALIDATION].predictions
    temperature = fit_temperature(validation) if len(validation) >= ROWS_FOR_TEMPERATURE else None
    return calibration.check(inputs.scored[Split.TEST].predictions, temperature)


def _bias(inputs: CheckInputs) -> tuple[Check, ...]:
    task, test = inputs.spec.task, inputs.scored[Split.TEST]
    policy, groups = task.policy, inputs.dataset.groups(test.rows)
    return (
        bias_groups.check(
            test.predictions,
            groups,
            task.favourable,
            policy.group_ratio_limit,
            policy.minimum_group_rows,
        ),
        bias_amplification.check(
            test.predictions, groups, policy.amplification_limit, policy.minimum_group_rows
        ),
    )


def _counterfactuals(inputs: CheckInputs) -> Probe:
    task, test = inputs.spec.task, inputs.scored[Split.TEST]
    positive = (task.positive,) if task.positive else ()
    return counterfactual.probe(
        test.predictions,
        [row.text for row in test.rows],
        inputs.probabilities,
        task.policy,
        task.favourable or positive,
        inputs.stop.raise_if_requested,
    )


def _stereotypes(inputs: CheckInputs) -> Check:
    return stereotypes.check(inputs.fitted.sentence_pairs)


def _texts(inputs: CheckInputs) -> tuple[Check, ...]:
    """What is asked of texts only where a base cuts them into tokens."""
    if inputs.spec.base is None:
        return ()
    limit = inputs.spec.task.policy.overlong_limit
    return (overlong(inputs.dataset.version.quality, limit),)


def _upturn(fitted: Fitted, limit: float, recipe: Recipe | None) -> Check:
    losses = fitted.validation_losses
    if losses is None or fitted.best_step is None:
        reason = "This method is fitted in one go: there is no validation curve that could turn up."
        return Check(id=overfit_upturn.ID, outcome=Outcome.NOT_RUN, limit=limit, reason=reason)
    return overfit_upturn.check(
        losses.losses, losses.steps, losses.ids, fitted.best_step, limit, losses.correct, recipe
    )
