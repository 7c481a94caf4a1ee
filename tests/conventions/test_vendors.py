"""Every vendor is whole: a file with `connect`, a line in the registry, a resource, settings for what it needs."""

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
from pydantic import AliasChoices

from dayreel.providers.registry import VENDORS, Family, Vendor
from dayreel.schemas.channel import PLATFORMS, IdeaSource, Narration, PromptSource, VideoSource
from dayreel.settings import Settings

ROOT = Path(__file__).parents[2]
PROVIDERS = ROOT / "dayreel" / "providers"


def has_connect(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "connect" for node in tree.body)


def vendor_files() -> set[tuple[str, str]]:
    return {
        (path.parent.name, path.stem)
        for path in PROVIDERS.glob("*/*.py")
        if path.stem not in ("__init__", "contract") and has_connect(path)
    }


def test_the_registry_and_the_files_with_a_connect_are_the_same() -> None:
    registered = {(vendor.family, vendor.name) for vendor in VENDORS.values()}
    assert vendor_files() == registered, (
        "Give each vendor a line in dayreel/providers/registry.py and its file a `connect(access)`; "
        f"only one of the two: {sorted(vendor_files() ^ registered)}."
    )


def test_every_family_has_a_contract() -> None:
    for family in get_args(Family):
        assert (PROVIDERS / family / "contract.py").is_file(), f"Write dayreel/providers/{family}/contract.py."


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=lambda vendor: vendor.name)
def test_connecting_takes_an_access_and_nothing_else(vendor: Vendor) -> None:
    connect = import_module(vendor.module).connect
    assert list(inspect.signature(connect).parameters) == ["access"]
    assert connect.__doc__, "Say what is returned and which variable may be missing."


def test_every_variable_of_a_vendor_is_a_setting() -> None:
    aliases = [field.validation_alias for field in Settings.model_fields.values()]
    known = {str(alias.choices[0]) for alias in aliases if isinstance(alias, AliasChoices)}
    wanted = {name for vendor in VENDORS.values() for name in (*vendor.needs, *vendor.takes)}
    wanted = {name for name in wanted if not name.startswith("DAYREEL_")}
    assert wanted <= known, f"Add fields to dayreel/settings.py for: {sorted(wanted - known)}."


def test_every_secret_of_a_vendor_is_kept_as_a_secret() -> None:
    for vendor in VENDORS.values():
        for name in {*vendor.needs, *vendor.takes} - {"TIKTOK_CLIENT_KEY", "DISCORD_PUBLIC_KEY"}:  # neither is secret
            field = Settings.model_fields.get(name.lower())
            if field is not None and name.endswith(("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")):
                assert "SecretStr" in str(field.annotation), f"{name} would be printed: make it a SecretStr."


# An address for a file is made by the platform that needs one, and titles are looked up where a person is asked about
# names: never by an asset.
IN_ASSETS = [vendor for vendor in VENDORS.values() if vendor.family not in ("public_urls", "lookup")]


@pytest.mark.parametrize("vendor", IN_ASSETS, ids=lambda vendor: vendor.name)
def test_every_vendor_has_a_resource(vendor: Vendor) -> None:
    path = ROOT / "resources" / f"{vendor.family}.py"
    assert path.is_file(), f"Write resources/{vendor.family}.py."
    connected = {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "connect"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert vendor.name in connected, (
        f"Give {vendor.name} a ConfigurableResource in resources/{vendor.family}.py that builds it with "
        f'`studio.connect("{vendor.name}")`.'
    )


def test_what_a_channel_may_choose_is_registered() -> None:
    chosen = {
        name
        for model in (IdeaSource, PromptSource, VideoSource, Narration)
        for name in get_args(model.model_fields["provider"].annotation)
    }
    missing = (chosen | set(PLATFORMS)) - {"calendar"} - set(VENDORS)
    assert not missing, f"A channel file may name these, and the registry does not know them: {missing}."
