"""All comparable runs of a task at once: places, tie groups, seeds, luck. Kept by their inputs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bot.hosts.board.comparable import value
from bot.hosts.board.differences import Load
from storage.board import Board
from storage.judgements import SeedPool
from storage.records import Check, digest_of
from storage.standings import (
    Candidate,
    Comparison,
    TaskBoard,
    keep_comparison,
    known_comparison,
)
from trainer.evaluate.board_checks import seed_variance
from trainer.evaluate.detectable import detectable_difference
from trainer.evaluate.luck import ladder, optimism, pool, pooled
from trainer.evaluate.spread import Spread
from trainer.evaluate.standings import Standings, compare_all, stand

PLACED_AT_MOST = 100
"""Runs of a task that are compared pairwise. Pairs grow with the square: beyond this the lower ones
would cost minutes and memory, and share one wide range anyway."""


def choose_ranked(
    task: TaskBoard, candidates: Sequence[Candidate]
) -> tuple[list[Candidate], dict[str, str]]:
    """The runs that are compared with one another, best first, and why the rest is not."""
    ordered = sorted(candidates, key=lambda c: (-value(task, c), c.run_id))
    ranked, rest = ordered[:PLACED_AT_MOST], ordered[PLACED_AT_MOST:]
    metric = task.task.primary_metric
    why = f"not among the {PLACED_AT_MOST} best by {metric}; only those get a place"
    return ranked, {c.run_id: why for c in rest}


def compare(board: Board, task: TaskBoard, ranked: Sequence[Candidate], load: Load) -> Comparison:
    """The comparison of these runs, computed or as it was computed from the same runs before."""
    inputs = digest_of(
        [
            task.task.primary_metric,
            task.task.positive,
            task.split,
            task.newest.policy.seed_spread_limit,
            [(c.run_id, c.manifest_digest) for c in ranked],
        ]
    )
    found = known_comparison(board, task.task, inputs)
    if found is None:
        found = _computed(task, ranked, load)
        keep_comparison(board, task.task, inputs, found)
    return found


def _computed(task: TaskBoard, ranked: Sequence[Candidate], load: Load) -> Comparison:
    if len(ranked) < 2:
        alone = tuple(c.run_id for c in ranked)
        return Comparison(places=dict.fromkeys(alone, (1, 1, 1)), published=alone)
    metric, positive = task.task.primary_metric, task.task.positive
    runs = [load(c, task.split) for c in ranked]
    found = compare_all(runs, metric, positive=positive)
    groups = _groups(ranked, found)
    places = {
        c.run_id: (found.ranges[i].low, found.ranges[i].high, groups[i])
        for i, c in enumerate(ranked)
    }
    seeds, checks = _seeds(task, ranked, found.spread)
    tied = [i for i, group in enumerate(groups) if group == 1]
    error = found.usual_error
    return Comparison(
        places=places,
        detectable=None if error is None else detectable_difference(error),
        optimism=optimism(found.spread, tied),
        seeds=seeds,
        seed_checks=checks,
        published=_published(ranked, found.spread),
    )


def _groups(ranked: Sequence[Candidate], found: Standings) -> tuple[int, ...]:
    """The tie group of each run; runs that differ in nothing but the seed are one, by their mean.

    Which seed did best is luck, and no reason to set it apart from its twins.
    Two specs are told apart only by more than other seeds would have changed.
    """
    families: dict[str, list[int]] = defaultdict(list)
    for place, candidate in enumerate(ranked):
        families[candidate.family].append(place)
    if len(families) == len(ranked):
        return found.groups
    units = list(families.values())
    pooled_groups = stand(pool(found.spread, units)).groups
    group_of = {i: g for unit, g in zip(units, pooled_groups, strict=True) for i in unit}
    return tuple(group_of[i] for i in range(len(ranked)))


def _published(ranked: Sequence[Candidate], spread: Spread) -> tuple[str, ...]:
    """Runs that were a new best when they finished."""
    order = sorted(range(len(ranked)), key=lambda i: (str(ranked[i].finished_at), ranked[i].run_id))
    new = ladder(spread.take(order))
    return tuple(ranked[i].run_id for i, best in zip(order, new, strict=True) if best)


def _seeds(
    task: TaskBoard, ranked: Sequence[Candidate], spread: Spread
) -> tuple[Mapping[str, SeedPool], Mapping[str, Check]]:
    """The pool of each spec that has several seeds, by run; and the check of its spread."""
    families: dict[str, list[int]] = defaultdict(list)
    for place, candidate in enumerate(ranked):
        families[candidate.family].append(place)
    pools: dict[str, SeedPool] = {}
    checks: dict[str, Check] = {}
    for places in families.values():
        members = sorted((ranked[i] for i in places), key=lambda c: (c.seed, c.run_id))
        if len({c.seed for c in members}) < 2:
            continue
        found = pooled(spread.take(places))
        pool = SeedPool(
            runs=tuple(c.run_id for c in members),
            seeds=tuple(c.seed for c in members),
            mean=found.mean,
            sd=found.sd,
            low=found.low,
            high=found.high,
            how="mean over seeds; its interval holds the chance of the rows and of the seeds",
        )
        limit = task.newest.policy.seed_spread_limit
        check = seed_variance(found, len(members), limit, task.task.primary_metric)
        pools |= {c.run_id: pool for c in members}
        checks |= {c.run_id: check for c in members}
    return pools, checks
