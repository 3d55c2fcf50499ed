"""A sweep: several runs of one spec that differ in how they are trained, chosen on validation.

The first trial is the spec as it is. The next vary the learning rate between a third and three
times what the first used (it matters most), the last quarter varies the rank at the best rate. A
trial that is clearly behind the others at the same point is ended. Every trial is a run of its own
with its row on the board; the test is not looked at, but each trial meets it, and the board counts
that.

Optuna keeps the study in a file of its own (`sweeps/ID.journal`): the same words again go on with a
sweep that was interrupted, and no trial is run twice.
"""

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot import specs
from bot.access import LAUNCH, Caller, require
from bot.actions import Actions
from bot.commands import Command, parse_words
from bot.hosts.work import Worker
from bot.phrases import number
from bot.replies import Reply, table
from bot.settings import os_user
from storage.errors import BadInput
from storage.records import Metric, Run, RunSpec, RunState
from trainer.evaluate.scoring import lower_is_better

if TYPE_CHECKING:
    from optuna import Study, Trial

TRIALS, MOST_TRIALS = 6, 100
RATE_SPREAD = 3.0
RANKS = (4, 8, 16, 32, 64)
RANK_SHARE = 0.25
"""The share of the trials that vary the rank."""
STARTUP, WARM_UP = 3, 2
"""Trials, and evaluations of a trial, before any is ended for being behind."""
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a sweep may take."""

    trials: int
    minutes: float | None


@dataclass(slots=True)
class Sweep:
    """One sweep at work."""

    actions: Actions
    caller: Caller
    spec: RunSpec
    options: Mapping[str, str]
    study: "Study"
    name: str

    def go(self, budget: Budget) -> None:
        """Work until the budget is used up; trials that were interrupted are taken up first."""
        until = time.monotonic() + 60 * budget.minutes if budget.minutes else math.inf
        for trial in self._unfinished():
            self._follow(trial)
        while len(self.study.trials) < budget.trials and time.monotonic() < until:
            self.study.sampler = self._sampler(budget)
            self._follow(self.study.ask())

    def _unfinished(self) -> "list[Trial]":
        from optuna import Trial
        from optuna.trial import TrialState

        found = self.study.get_trials(states=(TrialState.RUNNING,))
        return [Trial(self.study, frozen._trial_id) for frozen in found]

    def _sampler(self, budget: Budget) -> Any:
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import PartialFixedSampler, TPESampler

        warnings.simplefilter("ignore", ExperimentalWarning)
        own = TPESampler(seed=self.spec.seed + len(self.study.trials), multivariate=True)
        done = [trial for trial in self.study.trials if trial.value is not None]
        by_rank = budget.trials - max(1, round(RANK_SHARE * budget.trials))
        if len(self.study.trials) < by_rank or not done or "lr" not in self.study.best_params:
            return PartialFixedSampler({"rank": self._known("rank", 16)}, own)
        return PartialFixedSampler({"lr": self.study.best_params["lr"]}, own)

    def _known(self, setting: str, otherwise: float) -> Any:
        """What the first trial trained with."""
        for trial in self.study.trials:
            if setting in trial.user_attrs:
                return trial.user_attrs[setting]
        return otherwise

    def _follow(self, trial: "Trial") -> None:
        """Launch a trial's run, or find it, and tell the study how it ended."""
        from optuna.trial import TrialState

        run = self._launch(trial)
        trial.set_user_attr("run", run.id)
        seen = 0
        while not (run := self.actions.ledger.run(run.id)).state.ended:
            seen = self._report(trial, run, seen)
            if seen and trial.should_prune() and not run.cancel_requested:
                self.actions.ledger.request_cancel(run.id, run.requested_by)
                trial.set_user_attr("behind", True)
            time.sleep(POLL_S)
        metric = self.validation(run.id)
        if run.state is RunState.SUCCEEDED and metric is not None and metric.value is not None:
            self._remember(trial, run)
            self.study.tell(trial, metric.value)
        else:
            pruned = trial.user_attrs.get("behind") and run.state is RunState.CANCELLED
            self.study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)

    def _launch(self, trial: "Trial") -> Run:
        changed = dict(self.options)
        if trial.number:
            rate = float(self._known("learning_rate", 1e-3))
            low, high = rate / RATE_SPREAD, min(rate * RATE_SPREAD, 0.99)
            changed["lr"] = f"{trial.suggest_float('lr', low, high, log=True):.3g}"
            changed["rank"] = str(trial.suggest_categorical("rank", RANKS))
        command = Command("run", (), changed)
        reply = self.actions.perform(command, self.caller, f"sweep:{self.name}:{trial.number}")
        return self.actions.ledger.run(reply.run_id or "")

    def _report(self, trial: "Trial", run: Run, seen: int) -> int:
        """Tell the study each new validation loss; how many it has had."""
        if not run.attempt:
            return seen
        events = self.actions.home.run(run.id).events(run.attempt).events
        losses = [e.validation_loss for e in events if e.kind == "evaluation"]
        sign = 1 if lower_is_better(self.spec.task.primary_metric) else -1
        for place, loss in enumerate(losses[seen:], seen):
            if loss is not None:
                trial.report(sign * loss, place)
        return len(losses)

    def _remember(self, trial: "Trial", run: Run) -> None:
        training = self.actions.home.run(run.id).summary().training
        for setting in ("learning_rate", "rank"):
            if training.get(setting) is not None:
                trial.set_user_attr(setting, training[setting])

    def validation(self, run_id: str) -> Metric | None:
        """The primary metric on validation."""
        folder = self.actions.home.run(run_id)
        name = self.spec.task.primary_metric
        found = folder.metrics() if folder.has_evidence else ()
        return next(
            (m for m in found if (m.name, m.split, m.group) == (name, "validation", "")), None
        )

    def told(self) -> Reply:
        """Every trial, and the one that is best on validation."""
        rows, runs = [], []
        for trial in self.study.trials:
            run_id = str(trial.user_attrs.get("run", ""))
            metric = self.validation(run_id) if run_id else None
            rate = trial.user_attrs.get("learning_rate") or trial.params.get("lr")
            rank = trial.user_attrs.get("rank") or trial.params.get("rank")
            rows.append(
                (
                    str(trial.number + 1),
                    run_id,
                    f"{rate:.3g}" if rate else "–",
                    str(rank or "–"),
                    number(metric) if metric else trial.state.name.lower(),
                )
            )
            runs.append({"run": run_id, "lr": rate, "rank": rank, "state": trial.state.name})
        done = [trial for trial in self.study.trials if trial.value is not None]
        best = str(self.study.best_trial.user_attrs["run"]) if done else ""
        name = self.spec.task.primary_metric
        text = (
            f"Sweep {self.name}: {len(rows)} trials, chosen on validation. The best is {best}; of "
            f"so many the best looks better on validation than it is, and {len(done)} of them have "
            "met the test rows."
            if best
            else f"Sweep {self.name}: none of {len(rows)} trials ended well."
        )
        columns = ("trial", "run", "lr", "rank", f"{name} on validation")
        data = {"sweep": self.name, "best": best, "trials": runs}
        return Reply(text, table=table(columns, rows), run_id=best or None, data=data)


def sweep(actions: Actions, words: Sequence[str]) -> Reply:
    """Run a sweep to its end: `sweep task=NAME method=lora base=BASE [trials=6] [minutes=60] …`."""
    budget, rest = _budget(words)
    command = parse_words(["run", *rest])
    user = os_user()
    caller = Caller(actions.settings.person_of_os(user), "terminal", user)
    require(caller, LAUNCH, "start a sweep")
    spec = specs.spec_from(command, actions.ledger, actions.home, actions.settings, own_paths=True)
    if not spec.method.is_tuned:
        raise BadInput(f"A sweep varies how a model is trained; {spec.method.value} is not.")
    asked = {key for key in ("lr", "rank") if key in command.options}
    if asked:
        raise BadInput(f"A sweep chooses {' and '.join(sorted(asked))} itself: leave it out.")
    options = {"task": spec.task.name, "method": spec.method.value, **command.options}
    name = f"s{spec.digest()[:10]}"
    found = Sweep(actions, caller, spec, options, _study(actions, spec, name), name)
    with Worker(actions.ledger, actions.home, actions.settings):
        found.go(budget)
    return found.told()


def _study(actions: Actions, spec: RunSpec, name: str) -> "Study":
    import optuna
    from optuna.pruners import MedianPruner
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = actions.home.path / "sweeps"
    folder.mkdir(exist_ok=True)
    return optuna.create_study(
        study_name=name,
        storage=JournalStorage(JournalFileBackend(str(folder / f"{name}.journal"))),
        pruner=MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARM_UP),
        direction="minimize" if lower_is_better(spec.task.primary_metric) else "maximize",
        load_if_exists=True,
    )


def _budget(words: Sequence[str]) -> tuple[Budget, list[str]]:
    given = dict(word.split("=", 1) for word in words if word.startswith(("trials=", "minutes=")))
    rest = [word for word in words if not word.startswith(("trials=", "minutes="))]
    try:
        trials = int(given.get("trials", TRIALS))
        minutes = float(given["minutes"]) if "minutes" in given else None
    except ValueError as error:
        raise BadInput(f"`trials` and `minutes` are numbers: {error}.") from error
    if not 2 <= trials <= MOST_TRIALS or (minutes is not None and not minutes > 0):
        raise BadInput(f"A sweep has 2 to {MOST_TRIALS} trials and more than 0 minutes.")
    return Budget(trials, minutes), rest
