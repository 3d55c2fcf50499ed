"""The training loop: small, exact to resume, with the loss of each validation example kept.

transformers' Trainer was not used: it keeps mean validation losses only (the upturn check needs
them per example), saves optimiser state as pickles, and takes longer to set up than a small run.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from storage.errors import BadInput, InternalError
from trainer.collecting import collect_as_usual
from trainer.engines.batches import epoch_batches
from trainer.engines.checkpoints import Checkpoints, Saved
from trainer.engines.memory import OutOfMemory, is_out_of_memory
from trainer.engines.objectives import Objective
from trainer.engines.protocol import Device
from trainer.engines.ranks import ALONE, Ranks
from trainer.engines.recipe import Recipe
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.methods.fitting import CurvePoint
from trainer.progress import Progress
from trainer.stopping import Cancelled, StopRequest

CURVE_POINTS = 200
NAMED_ROWS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a training needs and does not change."""

    model: Any
    objective: Objective
    lengths: IntArray
    recipe: Recipe
    seed: int
    device: Device
    checkpoints: Checkpoints
    progress: Progress
    stop: StopRequest
    ranks: Ranks = ALONE

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.lengths) / self.recipe.batch_size)

    @property
    def steps(self) -> int:
        wanted = max(1, math.ceil(self.recipe.epochs * self.steps_per_epoch))
        return min(wanted, self.recipe.max_steps or wanted)

    @property
    def evaluation_interval(self) -> int:
        return max(1, math.ceil(self.steps / self.recipe.evaluations))

    def trainable(self) -> dict[str, Any]:
        """Parameters that learn, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}


@dataclass(slots=True)
class State:
    """Where a training stands: all of it is in a checkpoint."""

    step: int = 0
    seconds: float = 0.0
    worse: int = 0
    pieces: int = 1
    notes: list[str] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    evaluated: list[int] = field(default_factory=list)
    losses: list[FloatArray] = field(default_factory=list)
    correct: list[BoolArray] = field(default_factory=list)
    curve: list[CurvePoint] = field(default_factory=list)

    @property
    def best_place(self) -> int:
        """Which evaluation had the lowest mean loss."""
        return int(np.argmin([losses.mean() for losses in self.losses]))


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training went. The model holds the weights of the best step."""

    state: State
    best_step: int
    resumed_from: int | None
    stopped_early: bool


def train(plan: Plan) -> Trained:
    """Train to the end, or until validation has been worse for too long.

    Raises:
        Cancelled: Asked to stop; a checkpoint was saved.
        BadInput: The loss is not a number any more.
    """
    import torch

    collect_as_usual()
    optimiser = torch.optim.AdamW(
        plan.trainable().values(),
        lr=plan.recipe.learning_rate,
        weight_decay=plan.recipe.weight_decay,
    )
    torch.manual_seed(plan.seed + plan.ranks.rank)
    state = _restored(plan, optimiser)
    resumed_from = state.step or None
    stopped_early = False
    mark = time.monotonic()
    batches: tuple[int, list[IntArray]] = (-1, [])
    while True:
        late, asked = plan.ranks.share(
            (_is_late(plan, state.seconds + time.monotonic() - mark), plan.stop.requested)
        )
        if _evaluation_due(plan, state, at_once=late):
            _evaluate(plan, optimiser, state)
            state.seconds, mark = state.seconds + time.monotonic() - mark, time.monotonic()
            _save(plan, optimiser, state)
            stopped_early = state.worse >= plan.recipe.patience and state.step < plan.steps
        if state.step >= plan.steps or stopped_early:
            break
        if late and state.step:
            state.notes.append(_out_of_time(plan, state))
            break
        if asked:
            state.seconds += time.monotonic() - mark
            _save(plan, optimiser, state)
            raise Cancelled("asked to stop while training")
        epoch, place = divmod(state.step, plan.steps_per_epoch)
        if batches[0] != epoch:
            batches = (epoch, epoch_batches(plan.lengths, plan.recipe.batch_size, plan.seed, epoch))
        loss = _step(plan, optimiser, state, batches[1][place])
        state.step += 1
        _note(plan, state, loss, state.seconds + time.monotonic() - mark)
    state.seconds += time.monotonic() - mark
    _put(plan, state.best)
    plan.model.eval()
    return Trained(state, state.evaluated[state.best_place], resumed_from, stopped_early)


# --- one step ------------------------------------------------------------------------------------


def _step(plan: Plan, optimiser: Any, state: State, places: IntArray) -> float:
    """One step on a batch, in as many pieces as memory asks for; the mean loss.

    Raises:
        BadInput: The loss or the gradient is not a number any more.
        OutOfMemory: One row alone is too much.
    """
    for group in optimiser.param_groups:
        group["lr"] = _rate(plan, state.step)
    while True:
        value, full = 0.0, ""
        try:
            value = _accumulate(plan, places, state.pieces)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            full = str(error)
        if not plan.ranks.any(bool(full)):
            break
        _halve(plan, optimiser, state, len(places), full or "in another of the run's processes")
    value = plan.ranks.add(plan.trainable().values(), value)
    norm = _clip(plan)
    if not (math.isfinite(value) and math.isfinite(norm)):
        raise BadInput(_diverged(plan, state.step + 1, value, norm, places))
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return value


def _accumulate(plan: Plan, places: IntArray, pieces: int) -> float:
    """Add up this process's part of the gradient of the mean loss over a batch, and of that."""
    plan.model.train()
    weight, value = plan.objective.weight(places), 0.0
    own = plan.ranks.part(places)
    for part in np.array_split(own, min(pieces, len(own)) or 1):
        if not len(part):
            continue
        loss = plan.objective.loss(plan.model, part) / weight
        loss.backward()
        value += float(loss.item())
    return value


def _clip(plan: Plan) -> float:
    """Shorten the gradient where it is too long; its length before."""
    import torch

    weights = list(plan.trainable().values())
    return float(torch.nn.utils.clip_grad_norm_(weights, plan.recipe.clip))


def _halve(plan: Plan, optimiser: Any, state: State, rows: int, why: str) -> None:
    """Take batches in twice as many pieces from now on: the same gradient in less memory."""
    import torch

    optimiser.zero_grad(set_to_none=True)
    if plan.device == "cuda":
        torch.cuda.empty_cache()
    if state.pieces >= rows:
        raise OutOfMemory(
            f"Memory does not suffice for one row at a time (step {state.step + 1}; {why[:200]}). "
            "Lower max_tokens, choose a smaller base, or send the run to a larger host."
        )
    state.pieces *= 2
    note = (
        f"out of memory at step {state.step + 1}: batches of {rows} are taken in {state.pieces} "
        "pieces from here on, their gradients added up"
    )
    state.notes.append(note)
    plan.progress.warning(note)


def _diverged(plan: Plan, step: int, value: float, norm: float, places: IntArray) -> str:
    what = (
        f"the loss is {value}" if not math.isfinite(value) else f"the gradient's length is {norm}"
    )
    named = ", ".join(str(place + 1) for place in places[:NAMED_ROWS])
    more = f" and {len(places) - NAMED_ROWS} more" if len(places) > NAMED_ROWS else ""
    return (
        f"Training diverged: at step {step} {what}, on training examples {named}{more}. "
        f"Lower learning_rate (now {plan.recipe.learning_rate:g})."
    )


def _rate(plan: Plan, step: int) -> float:
    """Linear warm-up, then linear decay to nothing."""
    warm = max(1, round(plan.recipe.warmup_share * plan.steps))
    share = (step + 1) / warm if step < warm else (plan.steps - step) / max(1, plan.steps - warm)
    return plan.recipe.learning_rate * min(1.0, share)


def _note(plan: Plan, state: State, loss: float, seconds: float) -> None:
    if state.step % max(1, plan.steps // CURVE_POINTS) == 0:
        epoch = state.step / plan.steps_per_epoch
        rate = _rate(plan, state.step - 1)
        state.curve.append(CurvePoint(state.step, epoch, train_loss=loss, learning_rate=rate))
    left = seconds / state.step * (plan.steps - state.step)
    plan.progress.step(state.step, plan.steps, loss, round(left, 1))


# --- evaluation ----------------------------------------------------------------------------------


def _is_late(plan: Plan, seconds: float) -> bool:
    """Whether the time that a training may take is over."""
    minutes = plan.recipe.max_minutes
    return minutes is not None and seconds >= 60 * minutes


def _out_of_time(plan: Plan, state: State) -> str:
    return (
        f"stopped at step {state.step} of {plan.steps}: max_minutes={plan.recipe.max_minutes:g} "
        "were over; the best step so far is kept"
    )


def _evaluation_due(plan: Plan, state: State, *, at_once: bool) -> bool:
    if at_once and state.step:
        return state.step not in state.evaluated
    at_mark = state.step and state.step % plan.evaluation_interval == 0
    return bool(at_mark or state.step == plan.steps) and state.step not in state.evaluated


def _evaluate(plan: Plan, optimiser: Any, state: State) -> None:
    """Losses of every validation example; the weights are kept if they are the best so far."""
    try:
        found = plan.objective.evaluate(plan.model, plan.stop) if plan.ranks.leads else None
    except Cancelled:
        # The step itself is done: a resumed run begins with this evaluation.
        _save(plan, optimiser, state)
        raise
    found = plan.ranks.share(found)
    if found is None:
        raise InternalError("the first process gave no evaluation")
    losses = found.losses
    earlier = state.losses[state.best_place] if state.losses else None
    state.evaluated.append(state.step)
    state.losses.append(losses)
    state.correct.append(found.correct)
    if earlier is None or losses.mean() < earlier.mean():
        state.best = {name: p.detach().to("cpu", copy=True) for name, p in plan.trainable().items()}
        state.worse = 0
    elif _clearly_worse(losses, earlier):
        state.worse += 1
    _add_to_curve(plan, state, float(losses.mean()), found.value)
    plan.progress.evaluation(state.step, plan.steps, None, float(losses.mean()))


def _clearly_worse(losses: FloatArray, best: FloatArray) -> bool:
    """Worse by more than a paired standard error: noise alone must not end a training."""
    difference = losses - best
    return float(difference.mean()) > float(difference.std()) / math.sqrt(len(difference))


def _add_to_curve(plan: Plan, state: State, loss: float, value: float) -> None:
    point = CurvePoint(state.step, state.step / plan.steps_per_epoch)
    if state.curve and state.curve[-1].step == state.step:
        point = state.curve.pop()
    state.curve.append(
        CurvePoint(
            point.step, point.epoch, point.train_loss, loss, value, _rate(plan, state.step - 1)
        )
    )


# --- saving and going on -------------------------------------------------------------------------


def _save(plan: Plan, optimiser: Any, state: State) -> None:
    import torch

    if not plan.ranks.leads:
        return
    tensors: dict[str, Any] = {"rng": torch.get_rng_state()}
    if plan.device == "cuda":
        tensors["rng_cuda"] = torch.cuda.get_rng_state()
    for name, parameter in plan.trainable().items():
        tensors[f"now/{name}"] = parameter.detach().clone()
        for part, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{part}/{name}"] = torch.as_tensor(value).clone()
    tensors |= {f"best/{name}": value for name, value in state.best.items()}
    if state.losses:
        tensors["losses"] = torch.as_tensor(np.stack(state.losses))
        tensors["correct"] = torch.as_tensor(np.stack(state.correct))
    rest = {
        "seconds": state.seconds,
        "worse": state.worse,
        "pieces": state.pieces,
        "notes": state.notes,
        "evaluated": state.evaluated,
        "curve": [asdict(point) for point in state.curve],
    }
    plan.checkpoints.save(Saved(state.step, tensors, rest))


def _restored(plan: Plan, optimiser: Any) -> State:
    """The state of the newest checkpoint, put into model and optimiser; a new state if none."""
    import torch

    saved = plan.checkpoints.newest()
    if saved is None:
        return State()
    tensors = saved.tensors
    _put(plan, _named(tensors, "now"))
    for name, parameter in plan.trainable().items():
        parts = {
            part: tensors[f"{part}/{name}"]
            for part in ("step", "exp_avg", "exp_avg_sq")
            if f"{part}/{name}" in tensors
        }
        # The step counter stays on the CPU, as AdamW keeps it; the moments follow the weights.
        optimiser.state[parameter] = {
            part: value if part == "step" else value.to(parameter.device)
            for part, value in parts.items()
        }
    torch.set_rng_state(tensors["rng"])
    if "rng_cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng_cuda"])
    losses = tensors.get("losses")
    return State(
        step=saved.step,
        seconds=saved.state["seconds"],
        worse=saved.state["worse"],
        pieces=saved.state["pieces"],
        notes=saved.state["notes"],
        best=_named(tensors, "best"),
        evaluated=saved.state["evaluated"],
        losses=list(losses.numpy()) if losses is not None else [],
        correct=list(tensors["correct"].numpy()) if losses is not None else [],
        curve=[CurvePoint(**point) for point in saved.state["curve"]],
    )


def _named(tensors: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    start = f"{prefix}/"
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _put(plan: Plan, weights: Mapping[str, Any]) -> None:
    import torch

    with torch.no_grad():
        for name, parameter in plan.trainable().items():
            parameter.copy_(weights[name])
