"""Every vendor is whole, and each fact about it stands in its record alone."""

import ast
import inspect
import re
from pathlib import Path
from typing import get_args

import pytest

from dayreel.vendors.record import Family, Vendor
from dayreel.vendors.registry import vendors

ROOT = Path(__file__).parents[2]
PROVIDERS = ROOT / "dayreel" / "providers"
each = pytest.mark.parametrize("vendor", vendors(), ids=lambda vendor: vendor.name)


def has_connect(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "connect" for node in tree.body)


def test_every_file_with_a_connect_has_a_record() -> None:
    modules = {(path.parent.name, path.stem) for path in PROVIDERS.glob("*/*.py") if has_connect(path)}
    recorded = {(vendor.family, vendor.name) for vendor in vendors()}
    assert modules == recorded, f"Define VENDOR at the end of each vendor's file: {sorted(modules ^ recorded)}."


def test_every_family_has_a_contract() -> None:
    for family in get_args(Family):
        assert (PROVIDERS / family / "contract.py").is_file(), f"Write dayreel/providers/{family}/contract.py."


@each
def test_connecting_takes_an_access_and_nothing_else(vendor: Vendor) -> None:
    assert list(inspect.signature(vendor.connect).parameters) == ["access"]
    assert vendor.connect.__doc__, "Say what is returned and which variable may be missing."


@each
def test_what_looks_like_a_secret_is_one(vendor: Vendor) -> None:
    public = {"TIKTOK_CLIENT_KEY", "DISCORD_PUBLIC_KEY"}
    for setting in vendor.settings:
        looks_secret = setting.variable.endswith(("_KEY", "_TOKEN", "_SECRET", "_PASSWORD"))
        assert setting.secret or not looks_secret or setting.variable in public, f"{setting.variable} would be printed"


def test_a_variable_belongs_to_one_account() -> None:
    settings = {(setting, vendor.account or vendor.name) for vendor in vendors() for setting in vendor.settings}
    variables = [setting.variable for setting, _ in settings]
    assert len(variables) == len(set(variables))


# Who makes weeks of simulated content names whom it simulates; a channel file's default voice is a choice.
MAY_NAME = (
    "dayreel/providers/",
    # A stand-in may be several files, whose names begin with the vendor's.
    *(vendor.stand_in.partition(":")[0].replace(".", "/") for vendor in vendors() if vendor.stand_in),
    "dayreel/services/demo/",
    "dayreel/schemas/channel.py",
)
# `log` is a word, and `clips` what channel files call own footage.
NAMES = re.compile(rf"^(?:{'|'.join(vendor.name for vendor in vendors() if vendor.name not in ('clips', 'log'))})$")


def test_no_vendor_is_named_outside_its_own_files() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for room in ("dayreel", "resources", "pipeline_assets", "sensors")
        for path in sorted((ROOT / room).rglob("*.py"))
        if not str(path.relative_to(ROOT)).startswith(MAY_NAME)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMES.match(node.value)
    ]
    assert not named, "Ask `dayreel.vendors.registry` instead: " + ", ".join(named)
