"""Listing every vendor: its family, what it can do, which variables it wants, which of them are set. No values."""

from dataclasses import asdict, dataclass
from typing import Any

from dayreel.settings import Settings
from dayreel.vendors.record import Vendor
from dayreel.vendors.registry import sandbox_variables, vendors


@dataclass(frozen=True)
class Listed:
    """One vendor as a person sees it.

    Attributes:
        can: what it does, in words.
        models: model to what it can make; only for families that have models of their own with limits.
        needs: variable to whether it is set; without all of them the live world cannot use this vendor.
        takes: likewise, for what is used when it is set.
        ready: whether the present world can use it.
    """

    name: str
    family: str
    can: tuple[str, ...]
    models: dict[str, dict[str, Any]]
    needs: dict[str, bool]
    takes: dict[str, bool]
    ready: bool


def list_providers(settings: Settings) -> list[Listed]:
    """Return every vendor of the registry, in its order."""
    return [_listed(settings, vendor) for vendor in vendors()]


def _listed(settings: Settings, vendor: Vendor) -> Listed:
    needs = {variable: settings.variable(variable) is not None for variable in vendor.needs}
    return Listed(
        name=vendor.name,
        family=vendor.family,
        can=vendor.can,
        models={name: asdict(can) for name, can in vendor.models.items()},
        needs=needs,
        takes={variable: settings.variable(variable) is not None for variable in vendor.takes},
        # The sandbox world has stand-ins with keys of their own.
        ready=all(sandbox_variables().get(name) for name in needs)
        if settings.world == "sandbox"
        else all(needs.values()),
    )
