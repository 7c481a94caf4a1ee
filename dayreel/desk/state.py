"""What every part of the desk works with: the project, the people, the signing key, the templates, the feed."""

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import urlsplit

from itsdangerous import Signer
from jinja2 import Environment

from dayreel.desk.live import Feed
from dayreel.desk.queue_cache import QueueCache
from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.desk.consents import OpenConsents
from dayreel.services.desk.sessions import Sessions, Throttle
from dayreel.services.desk.users import Users
from dayreel.services.project import Project
from dayreel.services.upkeep.report_silences import SchedulerHealth


@dataclass(frozen=True)
class DeskState:
    """The desk's furniture, set up once by `app.create_desk`.

    Attributes:
        logins: how often a login may be tried.
        consents: accounts that are being connected.
        notices: what a page says after a redirect, by its name in the address.
        more_pages: what stands in the navigation behind the desk's own pages: address, name and icon.
        start: starts a `dayreel` command in the background, on behalf of a person.
        scheduler_health: looks what Dagster is at and what it is not doing; returns None where nobody can look.
        dagster: where Dagster's web server answers; None: nobody goes through.
        public_url: the address people type, where it is not the one the desk listens on.
    """

    project: Project
    users: Users
    sessions: Sessions
    logins: Throttle
    consents: OpenConsents
    queue_cache: QueueCache
    feed: Feed
    templates: Environment
    notices: Mapping[str, str]
    more_pages: tuple[tuple[str, str, str], ...]
    secret: bytes
    start: Callable[[Project, Sequence[str], str], object]
    scheduler_health: Callable[[], SchedulerHealth | None]
    dagster: DagsterAddress | None
    public_url: str | None
    trusted_header: str | None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]

    @property
    def is_behind_proxy(self) -> bool:
        """Whether the desk is set up to be reached through a proxy."""
        return self.public_url is not None or self.trusted_header is not None

    @property
    def is_https(self) -> bool:
        """Whether people come over HTTPS, so that cookies may insist on it."""
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"

    def signer(self, salt: str) -> Signer:
        """Return what signs and checks one kind of value."""
        return Signer(self.secret, salt=salt)


def signing_key(var_dir: Path) -> bytes:
    """Return this project's signing key, made at the first start; a lost key ends every session and nothing else."""
    path = var_dir / "desk.key"
    if not path.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32), encoding="ascii")
        with contextlib.suppress(FileExistsError):  # another desk was quicker; its key is the one
            path.hardlink_to(fresh)
        fresh.unlink()
    return bytes.fromhex(path.read_text(encoding="ascii").strip())
