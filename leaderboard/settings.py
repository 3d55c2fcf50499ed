"""Where the leaderboard reads from: the only place here that looks at the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.home import Home


class Settings(BaseSettings):
    """Set by environment variables: TUNEBOARD_HOME is the folder of one Tuneboard."""

    model_config = SettingsConfigDict(env_prefix="TUNEBOARD_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".tuneboard"))

    @property
    def opened(self) -> Home:
        return Home(self.home.resolve())
