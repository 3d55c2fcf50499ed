"""Where the leaderboard reads from: the only place here that looks at the environment."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.home import Home


class Settings(BaseSettings):
    """Set by environment variables: TUNEBOARD_HOME is the folder of one Tuneboard; TUNEBOARD_SERVE
    and TUNEBOARD_SERVE_TOKEN are where a run is served to be tried."""

    model_config = SettingsConfigDict(env_prefix="TUNEBOARD_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".tuneboard"))
    serve: str = ""
    serve_token: SecretStr | None = None

    @property
    def opened(self) -> Home:
        return Home(self.home.resolve())
