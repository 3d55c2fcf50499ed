"""Settings of one Tuneboard, read once per program from `tuneboard.toml` in the home.

Plain values only; secrets come from the environment. This file alone reads `os.environ`.
"""

import os
import pwd
import re
import tomllib
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.errors import BadInput
from storage.home import Home
from storage.people import PersonEntry, person_where, require_one_each
from storage.records import Name, Person, Record, Role
from storage.tasks import explain


class BaseEntry(Record):
    """`[bases.NAME]`: a base model that people may name: a local folder or a pinned hub id.

    `licence` and the day it `retires` are told by `models`; a retired base starts no new run.
    """

    path: str | None = None
    hub: str | None = None
    revision: str | None = None
    licence: str = Field(default="", max_length=80)
    retires: date | None = None


class DataSettings(Record):
    """`[data]`: below which folders a task file named from chat may lie."""

    roots: tuple[str, ...] = ()


class HostSettings(Record):
    """`[hosts]`: how many runs at a time, on which GPUs, how long a cancelled one may save.

    With `gpus`, each run leases `gpus_per_run` of them, and there are as many places as that gives.
    """

    slots: int = Field(default=1, ge=1, le=64)
    gpus: tuple[int, ...] = ()
    gpus_per_run: int = Field(default=1, ge=1, le=64)
    grace_s: float = Field(default=30, gt=0, le=3600)

    @model_validator(mode="after")
    def _whole_teams(self) -> Self:
        if self.gpus and len(self.gpus) % self.gpus_per_run:
            raise ValueError(
                f"`gpus` names {len(self.gpus)}, which `gpus_per_run` = {self.gpus_per_run} does "
                "not divide"
            )
        return self


class SlackSettings(Record):
    """`[slack]`: the team, the channel where runs are told of, and where the API is.

    `launch_channels` (ids) are where runs may be asked for; none given means everywhere. Reviewers
    are reminded every `remind_hours`; with `weekly`, the channel gets the week on Mondays. With
    `plan_first`, a run asked for in words is shown as a plan and starts by its button. `groups`
    gives roles to the members of Slack's user groups, by the group's id.
    """

    team: str | None = None
    channel: str | None = None
    launch_channels: tuple[str, ...] = ()
    remind_hours: float | None = Field(default=None, gt=0, le=24 * 30)
    weekly: bool = False
    plan_first: bool = False
    groups: dict[str, tuple[Role, ...]] = Field(default_factory=dict, max_length=8)
    api_url: str = "https://slack.com/api/"


class LimitSettings(Record):
    """`[limits]`: how many runs one person may have, and how often the bot may be asked by one in
    Slack; none given means any number."""

    runs_at_once: int | None = Field(default=None, ge=1, le=10_000)
    runs_a_day: int | None = Field(default=None, ge=1, le=100_000)
    requests_a_minute: int | None = Field(default=None, ge=1, le=100_000)


class LeaderboardSettings(Record):
    """`[leaderboard]`: its address, for links."""

    url: str = "http://localhost:8501"


class PriceSettings(Record):
    """`[prices]`: what a device hour costs, and how many answers a month are expected.

    Nothing is assumed: without prices, costs are not shown and machine time orders instead.
    `task_requests` gives the expected answers of single tasks.
    """

    cpu_hour: float | None = Field(default=None, ge=0)
    gpu_hour: float | None = Field(default=None, ge=0)
    currency: str = Field(default="EUR", max_length=8)
    monthly_requests: int | None = Field(default=None, ge=0)
    task_requests: dict[Name, int] = Field(default_factory=dict)


class Settings(Record):
    """Everything in `tuneboard.toml`."""

    people: dict[Name, PersonEntry] = Field(default_factory=dict)
    bases: dict[Name, BaseEntry] = Field(default_factory=dict)
    data: DataSettings = DataSettings()
    hosts: HostSettings = HostSettings()
    slack: SlackSettings = SlackSettings()
    leaderboard: LeaderboardSettings = LeaderboardSettings()
    prices: PriceSettings = PriceSettings()
    limits: LimitSettings = LimitSettings()

    @model_validator(mode="after")
    def _one_person_an_identity(self) -> Self:
        require_one_each(self.people)
        return self

    def price_of_an_hour(self) -> tuple[float, str] | None:
        """What an hour of this host's device costs, and in which currency; None where unknown."""
        per_hour = self.prices.gpu_hour if self.hosts.gpus else self.prices.cpu_hour
        return None if per_hour is None else (per_hour, self.prices.currency)

    def person_of_os(self, user: str) -> Person | None:
        """The person behind a user of this machine, or None for a stranger."""
        return person_where(self.people, "os", user)


class Secrets(BaseSettings):
    """From the environment only: SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for the socket or
    SLACK_SIGNING_SECRET for HTTP."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None

    @cached_property
    def complete(self) -> bool:
        return self.slack_bot_token is not None and self.slack_app_token is not None


def home_from(argument: str | None) -> Home:
    """`--home`, else TUNEBOARD_HOME, else `.tuneboard` in the current folder."""
    place = argument or os.environ.get("TUNEBOARD_HOME") or ".tuneboard"
    return Home(Path(place).expanduser().resolve())


def os_user() -> str:
    """The user this process runs as, from the system and not from a variable one can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


_CHILD_VARIABLES = (
    "PATH HOME LANG LC_ALL TMPDIR TZ PYTHONPATH VIRTUAL_ENV LD_LIBRARY_PATH HF_HOME HF_HUB_OFFLINE"
    " HF_HUB_CACHE HF_TOKEN TRANSFORMERS_OFFLINE CUDA_VISIBLE_DEVICES OMP_NUM_THREADS"
    " TUNEBOARD_THREADS"
)


def child_environment() -> dict[str, str]:
    """What a trainer's process may see of our environment: never a Slack token."""
    names = _CHILD_VARIABLES.split()
    return {name: os.environ[name] for name in names if name in os.environ}


def load_settings(home: Home) -> Settings:
    """The settings of a home. A home without any gets a starter file.

    Whoever makes a home owns it: the starter file gives the current user every role.

    Raises:
        BadInput: The file is not TOML, or a key is unknown or wrong.
    """
    path = home.settings_file
    if not path.exists() and not home.ledger_file.exists():
        home.create()
        path.write_text(_starter(os_user()), encoding="utf-8")
    if not path.exists():
        return Settings()
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not valid TOML: {error}. Mend that line.") from error
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)} See tuneboard.example.toml.") from error


def _starter(user: str) -> str:
    name = re.sub(r"[^a-z0-9_-]", "-", user.lower()).strip("-_")[:60] or "me"
    return (
        "# Settings of this Tuneboard; tuneboard.example.toml explains every key.\n"
        f"[people.{name}]\n"
        'roles = ["launcher", "reviewer", "admin"]\n'
        f'os = "{user}"\n'
    )
