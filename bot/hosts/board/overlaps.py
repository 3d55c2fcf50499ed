"""What runs learnt from against the test sets of all tasks, each pair computed once and kept.

A pair is two files of fingerprints, known by their hashes: runs of the same rows share it, and a
run's files never change. So a new run costs its own comparisons, and a new publication none.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from storage.board import Board
from storage.errors import CorruptFolder
from storage.evidence_tables import FINGERPRINTS
from storage.fingerprints import fingerprint_rows
from storage.home import Home
from trainer.evaluate.arrays import BoolArray
from trainer.evaluate.contamination import Fingerprints, Overlap, overlap

LEARNT, TEST = ("train", "validation"), ("test",)
Key = tuple[str, str]


@dataclass
class Overlaps:
    """The pairs that the board knows, and those that were computed now."""

    board: Board
    home: Home
    _known: dict[Key, Overlap] = field(init=False)
    _new: dict[Key, Overlap] = field(default_factory=dict)
    _read: Callable[[str, tuple[str, ...]], Fingerprints | None] = field(init=False)

    def __post_init__(self) -> None:
        self._known = {
            (row["learnt"], row["test"]): Overlap(
                _unpacked(row["exact"], row["n"]), _unpacked(row["near"], row["n"]), row["texts"]
            )
            for row in self.board.rows("select * from shared_texts")
        }
        self._read = functools.lru_cache(64)(self._fingerprints)

    def between(self, run_id: str, tested: str) -> Overlap | None:
        """Which test rows of the run `tested` are among what `run_id` learnt from.

        None where either left no fingerprints, or they cannot be read: nothing is claimed then.
        """
        key = (self.key(run_id), self.key(tested))
        if not all(key):
            return None
        if key not in self._known:
            learnt, test = self._read(run_id, LEARNT), self._read(tested, TEST)
            if learnt is None or test is None:
                return None
            self._known[key] = self._new[key] = overlap(learnt, test)
        return self._known[key]

    @functools.lru_cache(100_000)  # noqa: B019  lives as long as one projection
    def key(self, run_id: str) -> str:
        """The hash of a run's fingerprints; empty where there are none."""
        try:
            return self.home.run(run_id).manifest().files.get(f"evidence/{FINGERPRINTS}", "")
        except CorruptFolder:
            return ""

    def keep(self) -> None:
        """Note on the board what was computed."""
        self.board.insert(
            "shared_texts",
            [
                {
                    "learnt": learnt,
                    "test": test,
                    "texts": found.texts,
                    "n": len(found.exact),
                    "exact": np.packbits(found.exact).tobytes(),
                    "near": np.packbits(found.near).tobytes(),
                }
                for (learnt, test), found in self._new.items()
            ],
        )
        self._new.clear()

    def __hash__(self) -> int:
        return id(self)

    def _fingerprints(self, run_id: str, splits: tuple[str, ...]) -> Fingerprints | None:
        try:
            found = fingerprint_rows(self.home.run(run_id), splits)
        except (CorruptFolder, OSError):
            return None
        return Fingerprints(*found) if found else None


def _unpacked(bits: bytes, n: int) -> BoolArray:
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=n).astype(np.bool_)
