"""Every setting of dayreel itself that comes from the environment, in one class, and vendors' variables by name.

Which variables vendors have is in their records (`dayreel.vendors.record`); `.env.example` is held equal to both by a
test.

Settings that people change while dayreel runs (caps, the kill switch, per-account publishing) live in the catalog's
`config` table, see `dayreel.queries.config`.
"""

import os
import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import Field, PrivateAttr, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dayreel.clock import zone_named
from dayreel.errors import ConfigurationError

World = Literal["sandbox", "live"]


def find_root(start: Path | None = None) -> Path:
    """Return the project root: the nearest folder at or above `start` that has `workspace.yaml` and `channels/`."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "workspace.yaml").is_file() and (folder / "channels").is_dir():
            return folder
    return here


class Settings(BaseSettings):
    """The environment of one dayreel process."""

    model_config = SettingsConfigDict(env_prefix="DAYREEL_", extra="ignore", frozen=True, populate_by_name=True)

    world: World = Field("sandbox", description="`sandbox` runs against stand-in vendors on loopback; `live` is real")
    root: Path = Field(default_factory=find_root, description="project root: holds channels/, content/, var/")
    catalog_url: str | None = Field(None, description="SQLAlchemy URL; default is SQLite in var/catalog.db")
    timezone: str = Field("UTC", description="zone of Dagster's partitions; set it to your most easterly channel's")
    first_day: str = Field("2026-11-01", description="first daily partition; choose once")
    ffmpeg: str | None = Field(None, description="path of an ffmpeg; default is the one that comes as a wheel")
    fonts: Path | None = Field(
        None, description="folder with further fonts for captions, used where those that are installed lack a letter"
    )
    sandbox_url: str | None = Field(None, description="use this sandbox world instead of the project's own")
    sandbox_port: int | None = Field(None, description="port of the sandbox world; default 8765, or a free one")
    webserver_port: int = Field(3000, description="port of a Dagster that you start yourself, without a guard")
    dagster_postgres_url: SecretStr | None = Field(
        None, description="PostgreSQL for Dagster's own records; default is SQLite in dagster_home/"
    )
    dagster_logs_bucket: str | None = Field(
        None, description="S3 bucket for the logs of Dagster's steps, together with PostgreSQL"
    )
    marts_bucket: str | None = Field(
        None, description="S3 bucket (or bucket/prefix) for the marts; default is var/marts on this machine"
    )
    content_bucket: str | None = Field(
        None, description="S3 bucket (or bucket/prefix) for the files of contents; default is content/ on this machine"
    )
    desk_host: str = Field("127.0.0.1", description="where the desk listens; another than loopback needs users first")
    desk_port: int = Field(8700, description="port of the desk, the one address people open")
    desk_url: str | None = Field(None, description="the desk's address as people type it, behind a proxy with TLS")
    desk_trusted_header: str | None = Field(None, description="header in which a company proxy names the person")
    desk_trusted_proxies: str = Field(
        "127.0.0.1 ::1", description="proxies whose headers are believed: addresses or networks"
    )
    library: Path | None = Field(None, description="the shared folder of own footage, as this machine sees it")
    backup_dir: Path | None = Field(
        None, description="folder for a backup of the catalog a day, the last 14 are kept; default is none"
    )
    morning_at: str = Field("08:00", description="time of the daily message, in DAYREEL_TIMEZONE; `off` sends none")
    weekly_at: str = Field(
        "mon 09:00", description="day and time of the weekly report's message, in DAYREEL_TIMEZONE; `off` sends none"
    )
    approval_floor: int = Field(
        80, ge=0, le=100, description="percent of decisions; the weekly report names channels with fewer approvals"
    )
    notify_review: str = Field(
        "", description="notifiers of what waits for review, like `slack, ntfy`; default is the first that is set up"
    )
    notify_failure: str = Field("", description="notifiers of failed runs and of what should exist and does not")
    notify_budget: str = Field("", description="notifiers of caps that are nearly used up")
    notify_report: str = Field("", description="notifiers of the morning's message and the weekly report")
    uploads: Literal["parallel", "sequential"] = Field(
        "parallel", description="whether the posts of one video start at once, or `sequential`, one platform at a time"
    )
    enable_distribution: bool = Field(
        default=True,
        validation_alias="ENABLE_DISTRIBUTION",
        description="`false` posts nothing from here, whoever starts it: what is approved is uploaded by hand",
    )
    pipeline_engine: Literal["alt", "v1"] = Field(
        "alt",
        validation_alias="PIPELINE_ENGINE",
        description="`v1` leaves everything to the older system: nothing is made or posted by itself",
    )
    log_level: Literal["debug", "info", "warn", "error"] = Field(
        "info",
        validation_alias="LOG_LEVEL",
        description="least level that goes into the JSON lines of workers and of the library's controller",
    )
    storage_path: Path | None = Field(
        None,
        validation_alias="STORAGE_PATH",
        description="folder that holds the contents' folders; default is content/ in the project",
    )
    reviewer: str | None = Field(None, description="your name on decisions; default is the login name")

    token_key: SecretStr | None = Field(
        None, description="seals the tokens that dayreel renews automatically; `dayreel setup` makes one"
    )

    _variables: Mapping[str, str] = PrivateAttr(default_factory=lambda: _by_name(os.environ))

    def variable(self, name: str) -> str | None:
        """Return a vendor's variable by its name; None when it is not set, or empty. Never shown with the settings."""
        return self._variables.get(name) or None

    def with_variables(self, /, **variables: str | None) -> "Settings":
        """Return these settings with other vendors' variables; None takes one away."""
        changed = self.model_copy()
        changed._variables = {**self._variables, **_by_name(variables)}  # noqa: SLF001  of the same class
        return changed

    @property
    def desk_address(self) -> str:
        """The address at which people open the desk, without a slash at its end."""
        if self.desk_url is not None:
            return self.desk_url.rstrip("/")
        host = "127.0.0.1" if self.desk_host in ("", "0.0.0.0", "::") else self.desk_host  # noqa: S104  only compared
        return f"http://{f'[{host}]' if ':' in host else host}:{self.desk_port}"

    @property
    def callback_origin(self) -> str | None:
        """Where vendors may call the desk back: its public https address, in the sandbox world the one on this machine.

        None where there is neither.
        """
        is_public = self.desk_url is not None and self.desk_url.startswith("https://")
        return self.desk_address if is_public or self.world == "sandbox" else None

    @property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of the proxies whose headers about a person and an address are believed."""
        return tuple(ip_network(text) for text in self.desk_trusted_proxies.replace(",", " ").split())

    @property
    def channels_dir(self) -> Path:
        """Folder of the channel files."""
        return self.root / "channels"

    @property
    def content_dir(self) -> Path:
        """Folder that holds one folder per content."""
        return self.root / (self.storage_path or "content")

    @property
    def shown_content_dir(self) -> str:
        """That folder for people: inside the project as they see it from there."""
        return self.content_dir.as_posix().removeprefix(f"{self.root.as_posix()}/")

    @property
    def var_dir(self) -> Path:
        """Folder of everything else dayreel keeps: catalog, sandbox world, locks, logs."""
        return self.root / "var"

    @property
    def sandbox_dir(self) -> Path:
        """Folder in which the sandbox world keeps its state."""
        return self.var_dir / "sandbox"

    @field_validator("log_level", mode="before")
    @classmethod
    def _other_programs_have_other_levels(cls, text: object) -> object:
        # Whoever has this variable for another program must not be stopped by its names.
        level = str(text).strip().lower()
        others = {"warning": "warn", "critical": "error", "fatal": "error", "trace": "debug", "verbose": "debug"}
        level = others.get(level, level)
        return level if level in ("debug", "info", "warn", "error") else "info"

    @field_validator("storage_path", mode="before")
    @classmethod
    def _is_written_as_in_a_shell(cls, text: object) -> object:
        # .env expands no ~, and what is empty is not set.
        return Path(str(text)).expanduser() if text else None

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return zone_named(zone)

    @field_validator("desk_trusted_proxies")
    @classmethod
    def _networks_are_written_right(cls, text: str) -> str:
        for network in text.replace(",", " ").split():
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(
                    f"{network!r} is not an address or a network; write it like 10.0.0.9 or 10.0.0.0/8"
                ) from None
        return text

    @field_validator("morning_at")
    @classmethod
    def _is_clock_time(cls, text: str) -> str:
        # What is late by more would be the next day's.
        if not re.fullmatch(r"off|([01]\d|2[0-2]):[0-5]\d|23:([0-2]\d|30)", text):
            raise ValueError("it is not a clock time up to 23:30; write it like 08:00, or off")
        return text

    @field_validator("weekly_at")
    @classmethod
    def _is_day_and_time(cls, text: str) -> str:
        if not re.fullmatch(r"off|(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):[0-5]\d", text):
            raise ValueError("it is not a weekday and a clock time; write it like mon 09:00, or off")
        return text

    @field_validator("first_day")
    @classmethod
    def _day_exists(cls, day: str) -> str:
        try:
            is_written_as_days_are = date.fromisoformat(day).isoformat() == day
        except ValueError:
            is_written_as_days_are = False
        if not is_written_as_days_are:
            raise ValueError("it is not a valid day; write it like 2026-11-01")
        return day

    @cached_property
    def catalog(self) -> str:
        """The catalog's SQLAlchemy URL, with the driver spelled out.

        A bare `postgresql://` means psycopg 3 to SQLAlchemy 2.1, while dayreel and dagster-postgres ship psycopg2.
        """
        if self.catalog_url is None:
            return f"sqlite:///{self.var_dir / 'catalog.db'}"
        for bare in ("postgresql://", "postgres://"):
            if self.catalog_url.startswith(bare):
                return "postgresql+psycopg2://" + self.catalog_url.removeprefix(bare)
        return self.catalog_url


def load_settings(root: Path | None = None) -> Settings:
    """Read the environment and the project's `.env`; the environment wins.

    Raises:
        ConfigurationError: a value cannot be read (the message names the variable, never the value), or the contents
            are in another folder than the one that is set.
    """
    from pydantic import ValidationError  # noqa: PLC0415  kept off the import path of every other module

    root = root or find_root()
    try:
        settings = Settings(_env_file=root / ".env", root=root)
    except ValidationError as error:
        names = ", ".join(variable_of(str(problem["loc"][0])) for problem in error.errors())
        wanted = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise ConfigurationError(
            f"The environment (or .env) has a value dayreel cannot use for: {names} ({wanted}).",
            next_step="See .env.example for every variable and what it may be.",
        ) from None
    _refuse_to_lose_sight(settings)
    return settings.with_variables(**{**dotenv_values(root / ".env"), **os.environ})


def _refuse_to_lose_sight(settings: Settings) -> None:
    """Refuse a `STORAGE_PATH` that leaves the project's contents behind: whoever has it may mean another program."""
    usual = settings.root / "content"
    if settings.content_dir == usual or _has_contents(settings.content_dir) or not _has_contents(usual):
        return
    raise ConfigurationError(
        f"STORAGE_PATH names {settings.shown_content_dir}, where no content is, and this project's contents are in "
        "content/. Nothing was read or made.",
        next_step="Move what is in content/ there (`.catalog.json` too), or take the variable away: `unset "
        "STORAGE_PATH`, or its line in .env; `STORAGE_PATH=content` in front of a command or service does it for that.",
    )


def _has_contents(folder: Path) -> bool:
    return next(folder.glob("*-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*/"), None) is not None


def _by_name(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return what vendors may read; as with our own variables, the case of a name does not matter."""
    return {name.upper(): value or "" for name, value in variables.items()}


def variable_of(name: str) -> str:
    """Return the variable of a field, or the variable itself: pydantic reports a field that has an alias by that."""
    field = Settings.model_fields.get(name)
    if field is None:
        return name
    return str(field.validation_alias or f"DAYREEL_{name}".upper())
