"""The training loop: small, exact to resume, with the loss of each validation example kept.

transformers' Trainer was not used: it keeps mean validation losses only (the upturn check needs
them per example), saves optimiser state as pickles, and takes longer to set up than a small run.
"""

import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from storage.errors import BadInput
from trainer.engines.batches import by_length, epoch_batches, padded
from trainer.engines.checkpoints import Checkpoints, Saved
from trainer.engines.protocol import Device
from trainer.engines.recipe import Recipe
from trainer.evaluate import metrics
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.methods.fitting import CurvePoint
from trainer.progress import Progress
from trainer.stopping import Cancelled, StopRequest

SCORING_BATCH = 64
CURVE_POINTS = 200


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded rows: token ids, class indices, and names."""

    tokens: list[list[int]]
    gold: IntArray
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a training needs and does not change."""

    model: Any
    train: Rows
    validation: Rows
    recipe: Recipe
    seed: int
    device: Device
    dtype: str
    pad_id: int
    metric: str
    checkpoints: Checkpoints
    progress: Progress
    stop: StopRequest

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.train.tokens) / self.recipe.batch_size)

    @property
    def steps(self) -> int:
        return max(1, math.ceil(self.recipe.epochs * self.steps_per_epoch))

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

    optimiser = torch.optim.AdamW(
        plan.trainable().values(),
        lr=plan.recipe.learning_rate,
        weight_decay=plan.recipe.weight_decay,
    )
    torch.manual_seed(plan.seed)
    state = _restored(plan, optimiser)
    resumed_from = state.step or None
    stopped_early = False
    mark = time.monotonic()
    batches: tuple[int, list[IntArray]] = (-1, [])
    while True:
        if _evaluation_due(plan, state):
            _evaluate(plan, optimiser, state)
            state.seconds, mark = state.seconds + time.monotonic() - mark, time.monotonic()
            _save(plan, optimiser, state)
            stopped_early = state.worse >= plan.recipe.patience and state.step < plan.steps
        if state.step >= plan.steps or stopped_early:
            break
        if plan.stop.requested:
            state.seconds += time.monotonic() - mark
            _save(plan, optimiser, state)
            raise Cancelled("asked to stop while training")
        epoch, place = divmod(state.step, plan.steps_per_epoch)
        if batches[0] != epoch:
            lengths = np.array([len(row) for row in plan.train.tokens])
            batches = (epoch, epoch_batches(lengths, plan.recipe.batch_size, plan.seed, epoch))
        loss = _step(plan, optimiser, state.step, batches[1][place])
        state.step += 1
        _note(plan, state, loss, state.seconds + time.monotonic() - mark)
    state.seconds += time.monotonic() - mark
    _put(plan, state.best)
    plan.model.eval()
    return Trained(state, state.evaluated[state.best_place], resumed_from, stopped_early)


def score(
    model: Any,
    rows: list[list[int]],
    pad_id: int,
    device: Device,
    dtype: str,
    stop: StopRequest | None = None,
) -> FloatArray:
    """Class logits in evaluation mode, shape (rows, labels), in the order of the rows.

    Raises:
        Cancelled: Asked to stop.
    """
    import torch

    model.eval()
    found: FloatArray | None = None
    with torch.inference_mode():
        for places in by_length(rows, SCORING_BATCH):
            if stop:
                stop.raise_if_requested()
            batch = padded([rows[place] for place in places], pad_id, device)
            with autocast(device, dtype):
                logits = model(**batch).logits.double().cpu().numpy()
            if found is None:
                found = np.empty((len(rows), logits.shape[1]))
            found[places] = logits
    return found if found is not None else np.empty((0, 0))


def softmax(logits: FloatArray) -> FloatArray:
    """Rows of probabilities, shape as given."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def autocast(device: Device, dtype: str) -> AbstractContextManager[Any]:
    """bfloat16 arithmetic where the run uses it; weights that learn stay float32."""
    if dtype == "float32":
        return nullcontext()
    import torch

    return torch.autocast(device, dtype=getattr(torch, dtype))


# --- one step ------------------------------------------------------------------------------------


def _step(plan: Plan, optimiser: Any, step: int, places: IntArray) -> float:
    import torch

    plan.model.train()
    for group in optimiser.param_groups:
        group["lr"] = _rate(plan, step)
    batch = padded([plan.train.tokens[place] for place in places], plan.pad_id, plan.device)
    gold = torch.as_tensor(plan.train.gold[places], device=plan.device)
    with autocast(plan.device, plan.dtype):
        logits = plan.model(**batch).logits
    loss = torch.nn.functional.cross_entropy(logits.float(), gold)
    value = float(loss.item())
    if not math.isfinite(value):
        raise BadInput(
            f"Training diverged: at step {step + 1} the loss is {value}. "
            f"Lower learning_rate (now {plan.recipe.learning_rate:g})."
        )
    loss.backward()  # type: ignore[no-untyped-call]  # torch 2.13 leaves it untyped
    torch.nn.utils.clip_grad_norm_(list(plan.trainable().values()), plan.recipe.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return value


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


def _evaluation_due(plan: Plan, state: State) -> bool:
    at_mark = state.step and state.step % plan.evaluation_interval == 0
    return bool(at_mark or state.step == plan.steps) and state.step not in state.evaluated


def _evaluate(plan: Plan, optimiser: Any, state: State) -> None:
    """Losses of every validation example; the weights are kept if they are the best so far."""
    try:
        logits = score(
            plan.model, plan.validation.tokens, plan.pad_id, plan.device, plan.dtype, plan.stop
        )
    except Cancelled:
        # The step itself is done: a resumed run begins with this evaluation.
        _save(plan, optimiser, state)
        raise
    probabilities = softmax(logits)
    losses = metrics.example_log_losses(probabilities, plan.validation.gold)
    earlier = state.losses[state.best_place] if state.losses else None
    state.evaluated.append(state.step)
    state.losses.append(losses)
    state.correct.append(probabilities.argmax(axis=1) == plan.validation.gold)
    if earlier is None or losses.mean() < earlier.mean():
        state.best = {name: p.detach().clone() for name, p in plan.trainable().items()}
        state.worse = 0
    elif _clearly_worse(losses, earlier):
        state.worse += 1
    value = _metric(plan.metric, probabilities, plan.validation.gold)
    _add_to_curve(plan, state, float(losses.mean()), value)
    plan.progress.evaluation(state.step, plan.steps, None, float(losses.mean()))


def _clearly_worse(losses: FloatArray, best: FloatArray) -> bool:
    """Worse by more than a paired standard error: noise alone must not end a training."""
    difference = losses - best
    return float(difference.mean()) > float(difference.std()) / math.sqrt(len(difference))


def _metric(name: str, probabilities: FloatArray, gold: IntArray) -> float:
    """The task's metric where it comes from the confusion counts, else accuracy."""
    predicted = np.asarray(probabilities.argmax(axis=1), np.int64)
    counts = metrics.class_counts(gold, predicted, probabilities.shape[1])
    by_name = {"macro_f1": metrics.macro_f1, "weighted_f1": metrics.weighted_f1, "mcc": metrics.mcc}
    if name in by_name:
        return float(by_name[name](counts))
    return float((predicted == gold).mean())


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
        best={name: value.to(plan.device) for name, value in _named(tensors, "best").items()},
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
