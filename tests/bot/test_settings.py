"""Settings: deny by default, mistakes named, and who makes a home owns it."""

import tomllib
from pathlib import Path

import pytest

from bot.settings import Settings, load_settings, os_user
from storage.errors import BadInput
from storage.home import Home
from storage.people import person_where
from storage.records import Role


def test_whoever_makes_a_home_owns_it(tmp_path: Path) -> None:
    settings = load_settings(Home(tmp_path / "new"))
    person = settings.person_of_os(os_user())
    assert person is not None
    assert person.roles == frozenset(Role)


def test_a_home_that_lost_its_settings_lets_no_one_in(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    home.ledger_file.touch()
    assert load_settings(home).person_of_os(os_user()) is None
    assert not home.settings_file.exists()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[people.ana]\nroles = ["king"]', "people.ana.roles.0"),
        ("[hosts]\nslots = 0", "hosts.slots"),
        ("[host]\nslots = 1", "unknown key `host`"),
        ("[people", "not valid TOML"),
        ('[people.a]\nslack = "U1"\n[people.b]\nslack = "U1"', "same `slack`"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, toml: str, said: str) -> None:
    home = Home(tmp_path)
    home.settings_file.write_text(toml)
    with pytest.raises(BadInput) as caught:
        load_settings(home)
    assert said in str(caught.value)


def test_the_example_settings_are_valid() -> None:
    example = Path(__file__).parents[2] / "tuneboard.example.toml"
    settings = Settings.model_validate(tomllib.loads(example.read_text(encoding="utf-8")))
    assert person_where(settings.people, "slack", "U0000000001") is not None
