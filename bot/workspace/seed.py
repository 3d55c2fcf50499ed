"""Who and what is in a local workspace when it starts, and by which limits it goes."""

import os
import secrets
from pathlib import Path

from pydantic import Field

from storage.records import Record


class SeedUser(Record):
    """A person of the workspace; `name` is what a driver calls them by."""

    id: str
    name: str
    real_name: str = ""


class SeedChannel(Record):
    """A channel and who is in it. The bot sees only channels it is a member of."""

    id: str
    name: str
    members: tuple[str, ...] = ()
    is_private: bool = False


class SeedGroup(Record):
    """A user group, by which people may have roles."""

    id: str
    members: tuple[str, ...] = ()


class Limits(Record):
    """Slack's limits. Sources: docs.slack.dev, "Rate limits", "Handling user interaction"."""

    ack_s: float = 3.0
    retry_delays_s: tuple[float, ...] = (0.0, 60.0, 300.0)
    post_every_s: float = 1.0
    post_burst: int = Field(default=4, ge=1)
    response_url_uses: int = 5
    response_url_s: float = 1800.0


class Seed(Record):
    """Everything a workspace starts from, its secrets included."""

    team_id: str = "T0TUNEBOARD"
    team_name: str = "Tuneboard demo"
    team_domain: str = "tuneboard-demo"
    app_id: str = "A0TUNEBOARD"
    bot_id: str = "B0TUNEBOARD"
    bot_user_id: str = "U0TUNEBOARD"
    bot_name: str = "tuneboard"
    users: tuple[SeedUser, ...]
    channels: tuple[SeedChannel, ...]
    groups: tuple[SeedGroup, ...] = ()
    unfurl_domains: tuple[str, ...] = ("localhost", "127.0.0.1")
    scopes: tuple[str, ...] = ()
    limits: Limits = Limits()
    bot_token: str
    app_token: str
    driver_token: str


def new_seed(
    users: tuple[SeedUser, ...] = (),
    channels: tuple[SeedChannel, ...] = (),
    scopes: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> Seed:
    """A seed with fresh secrets; three people and one channel with the bot where none are given.

    Args:
        scopes: What the bot's token may do; none given means that scopes are not checked.
    """
    people = users or (
        SeedUser(id="U0ANA", name="ana", real_name="Ana Launcher"),
        SeedUser(id="U0LEO", name="leo", real_name="Leo Other"),
        SeedUser(id="U0REVA", name="reva", real_name="Reva Reviewer"),
    )
    everybody = (*(user.id for user in people), "U0TUNEBOARD")
    return Seed(
        users=people,
        channels=channels or (SeedChannel(id="C0MODELS", name="models", members=everybody),),
        scopes=scopes,
        limits=limits or Limits(),
        bot_token=f"xoxb-local-{secrets.token_hex(12)}",
        app_token=f"xapp-local-{secrets.token_hex(12)}",
        driver_token=secrets.token_hex(16),
    )


def read_seed(path: Path) -> Seed:
    """The seed in a file; where there is none, a new one is written there, for its owner only."""
    if not path.exists():
        write_seed(path, new_seed())
    return Seed.model_validate_json(path.read_bytes())


def write_seed(path: Path, seed: Seed) -> None:
    """Write a seed so that only its owner can read the secrets in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(seed.model_dump_json(indent=1))
