"""docs/flags.md tells of every check there is, and its rates keep what is promised."""

import re
from pathlib import Path

from storage.records import CHECK_IDS, STARTER_RULES, Policy
from storage.tasks import read_policy_file

ROOT = Path(__file__).parents[1]


def test_every_check_has_its_section() -> None:
    page = (ROOT / "docs" / "flags.md").read_text()
    assert set(re.findall(r"^## ([a-z_]+)$", page, flags=re.MULTILINE)) == set(CHECK_IDS)


def test_without_an_effect_hardly_anything_fires() -> None:
    rows = re.findall(r"^\| `(\w+)` .*?\) \| (.*) \|$", _page(), flags=re.MULTILINE)
    assert len(rows) >= 15
    for name, cells in rows:
        fail, warn = (float(cell.strip().rstrip("%")) for cell in cells.split("|")[:2])
        assert fail <= 1.0, name
        assert warn <= 8.0, name


def test_a_clean_run_is_rarely_flagged_and_hardly_ever_failed() -> None:
    flagged, failed = (float(n) for n in re.findall(r"\*\*([\d.]+)%\*\*", _page())[:2])
    assert flagged <= 12.0
    assert failed <= 1.5


def test_the_example_of_a_policy_is_the_default() -> None:
    found = read_policy_file(ROOT / "policy.example.toml")
    assert found == Policy()
    assert {rule.id for rule in STARTER_RULES} == set(CHECK_IDS)


def _page() -> str:
    return (ROOT / "docs" / "flags.md").read_text()
