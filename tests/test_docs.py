"""The documentation is true: commands, keys, settings and files that it names exist."""

import re
import tomllib
from pathlib import Path

import pytest

from bot import terminal
from bot.commands import RUN_KEYS, VERBS, parse
from bot.settings import Settings
from storage.records import DataSource, Policy, Task

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [page.name for page in PAGES]


def _verbs_in(text: str) -> set[str]:
    """Verbs that the text writes after `tuneboard` or `/tune`."""
    return set(re.findall(r"(?:/tune|tuneboard(?: --home \S+)?) ([a-z][a-z-]*)\b", text))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_that_is_named_exists(page: Path) -> None:
    known = {*VERBS, *terminal.VERBS}
    code = "\n".join(re.findall(r"`[^`]+`|^ {4}.+$", page.read_text(), flags=re.MULTILINE))
    assert _verbs_in(code) <= known


def test_every_verb_stands_in_the_readme_and_has_a_help_line() -> None:
    readme = (ROOT / "README.md").read_text()
    for verb in (*VERBS.values(), *terminal.VERBS.values()):
        assert f"`{verb.usage.split()[0]}" in readme
        assert verb.does
    for verb in VERBS.values():
        assert parse(verb.example).verb == verb.name
    for key in RUN_KEYS[3:]:
        assert key in readme


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "tasks.md"], ids=str)
def test_the_task_file_that_is_shown_is_valid(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(), flags=re.DOTALL):
        Task.model_validate(tomllib.loads(block))


def test_every_key_of_a_task_is_explained() -> None:
    page = (ROOT / "docs" / "tasks.md").read_text()
    keys = set(Task.model_fields) | set(DataSource.model_fields) | set(Policy.model_fields)
    missing = {key for key in keys - {"version", "data"} if not re.search(rf"\b{key}\b", page)}
    assert missing == set()


def test_every_setting_stands_in_the_example() -> None:
    example = (ROOT / "tuneboard.example.toml").read_text()
    for section, field in Settings.model_fields.items():
        assert f"[{section}" in example
        for key in getattr(field.annotation, "model_fields", {}):
            assert key in example


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 200
