"""What stands behind a run's numbers: its environment, where it comes from, its log. Pure."""

from collections.abc import Mapping
from typing import Any

from leaderboard.markup import link, run_address, text
from storage.records import RunSpec


def environment(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run ran on, as names and ready values."""
    packages = found.get("packages")
    versions = packages.items() if isinstance(packages, Mapping) else ()
    pairs = {
        "Python": found.get("python"),
        "Machine": " · ".join(str(found[key]) for key in ("cpu", "machine") if found.get(key)),
        "Cores": found.get("cores"),
        "Threads": found.get("threads"),
        "GPU": found.get("gpu"),
        "Platform": found.get("platform"),
        "Code": found.get("git_commit"),
        "Packages": ", ".join(f"{name} {version}" for name, version in versions),
    }
    return [(name, text(str(value))) for name, value in pairs.items() if value]


def lineage(spec: RunSpec) -> list[tuple[str, str]]:
    """What a run goes on from, and what it was learnt with."""
    found = []
    if spec.parent:
        found.append(("Goes on from", link(run_address(spec.parent.run_id), spec.parent.run_id)))
    if spec.shared:
        found.append(("Trained in", link(run_address(spec.shared.run_id), spec.shared.run_id)))
    if spec.mix:
        others = ", ".join(f"{one.task.name} × {one.weight:g}" for one in spec.mix)
        found.append(("Learnt with", text(others)))
    if spec.subset is not None:
        found.append(("Share of train", text(f"{100 * spec.subset:g} %")))
    if spec.prompt:
        found.append(("Prompt", text(spec.prompt)))
    return found
