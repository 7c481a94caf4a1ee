"""Listing every vendor: its family, what it can do, which variables it wants, which of them are set. No values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from pydantic import SecretStr

from dayreel.providers.registry import VENDORS, Vendor
from dayreel.settings import Settings


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
    return [_listed(settings, vendor) for vendor in VENDORS.values()]


def is_set(settings: Settings, variable: str) -> bool:
    """Return whether an environment variable has a value, by its name in the environment."""
    value = getattr(settings, variable.removeprefix("DAYREEL_").lower(), None)
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _listed(settings: Settings, vendor: Vendor) -> Listed:
    needs = {variable: is_set(settings, variable) for variable in vendor.needs}
    return Listed(
        name=vendor.name,
        family=vendor.family,
        can=vendor.can,
        models=_models(vendor),
        needs=needs,
        takes={variable: is_set(settings, variable) for variable in vendor.takes},
        # The sandbox world has stand-ins with keys of their own.
        ready=settings.world == "sandbox" or all(needs.values()),
    )


def _models(vendor: Vendor) -> dict[str, dict[str, Any]]:
    if vendor.family != "video" or not vendor.needs:
        return {}
    module = import_module(vendor.module)
    known: Mapping[str, Any] = module.MODELS
    return {name: asdict(model.can) for name, model in known.items()}
