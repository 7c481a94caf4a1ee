"""What every use case works with: the records of a project, the ledger, and the ways out to the vendors.

A `Project` is built once per process or Dagster step and handed to the services. It decides nothing. What only looks
takes `dayreel.records.Records`.
"""

import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dayreel.atomic_write import PRIVATE_FOLDER, make_private
from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.records import Records
from dayreel.services.effects.ledger import EffectLedger
from dayreel.services.keep_tokens import seed_of, usable_token
from dayreel.services.sandbox_world import ensure_sandbox
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.leases import Leases
from dayreel.stores.s3 import connect_s3
from dayreel.vendors.access import Access
from dayreel.vendors.registry import sandbox_variables, vendor_named


@dataclass(frozen=True)
class Project(Records):
    """One place to work in: its records, and what acts on them.

    Attributes:
        run_id: the Dagster run that works, for the record.
        providers: clients by vendor, made when they are asked for.
    """

    run_id: str | None = None
    providers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let the copies beside the contents follow whatever is committed from here."""
        self.catalog.follow = self.copies.follow

    @cached_property
    def leases(self) -> Leases:
        """What this process holds, and others: contents, days, the library, effects."""
        return Leases(self.catalog)

    @cached_property
    def ledger(self) -> EffectLedger:
        """The effect ledger of this process."""
        return EffectLedger(
            self.catalog,
            self.clock,
            world=self.settings.world,
            timezone=self.settings.timezone,
            run_id=self.run_id,
            leases=self.leases,
            copies=self.copies,
        )

    @cached_property
    def access(self) -> Access:
        """The way to the vendors of this world; starts the sandbox world when it is the one and does not answer.

        Raises:
            ConfigurationError: the sandbox world did not come up.
        """
        sandbox = self.settings.world == "sandbox"
        return Access(
            world=self.settings.world,
            variable=self.variable,
            sandbox_url=ensure_sandbox(self.settings, self.clock) if sandbox else None,
            clock=self.clock,
            root=self.settings.root,
            callback_origin=self.settings.callback_origin,
        )

    def connect(self, vendor: str, variables: Mapping[str, str] | None = None) -> Any:
        """Return a vendor's client; `providers` overrides it by name, which is how tests hand in theirs.

        Args:
            variables: of the vendor's variables, those that the live world reads from others, by name.

        Raises:
            UsageError: there is no such vendor.
            ConfigurationError: a variable is missing.
        """
        if vendor not in self.providers:
            self.providers[vendor] = vendor_named(vendor).connect(self._access_by(variables or {}))
        return self.providers[vendor]

    def _access_by(self, variables: Mapping[str, str]) -> Access:
        if self.settings.world == "sandbox" or not variables:
            return self.access
        for own, name in variables.items():
            if self.variable(name) is None:
                raise ConfigurationError(
                    f"{name} is not set, and {own} is read from it.",
                    next_step=f"Set {name}, or take it out of the resource's config.",
                )
        return replace(self.access, variable=lambda name: self.variable(variables.get(name, name)))

    def variable(self, name: str) -> str | None:
        """Return a vendor's key or id by its name in the environment, None when it is not set; a token as it is now.

        In the sandbox world these are the stand-ins' own.
        """
        if self.settings.world == "sandbox":
            return sandbox_variables().get(name)
        seed = seed_of(name, self.settings.variable)
        if seed is not None and self.settings.token_key is not None:
            return usable_token(self.catalog, self.settings.token_key, self.access, seed)
        return self.settings.variable(name)


def open_project(
    settings: Settings | None = None,
    *,
    run_id: str | None = None,
    actor: str | None = None,
    s3: Callable[[], Any] = connect_s3,
) -> Project:
    """Open a project on the environment.

    Raises:
        ConfigurationError, StoreError: the settings or the catalog cannot be used.
    """
    settings = settings or load_settings()
    make_private(settings.var_dir, mode=PRIVATE_FOLDER)
    return Project(
        settings=settings,
        clock=SystemClock(),
        catalog=open_catalog(settings.catalog),
        run_id=run_id,
        actor=actor or person(settings),
        s3=s3,
    )


@contextmanager
def opened_project(settings: Settings | None = None, *, actor: str | None = None) -> Iterator[Project]:
    """Give what `open_project` opens, and close its catalog afterwards."""
    project = open_project(settings, actor=actor)
    try:
        yield project
    finally:
        project.catalog.close()


def person(settings: Settings) -> str:
    """Return who is at the keyboard: DAYREEL_REVIEWER, or the login name."""
    return settings.reviewer or login_name()


def login_name() -> str:
    """Return the name of the system's account that this process runs under, whatever its environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {os.getuid()}"
