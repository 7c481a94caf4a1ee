"""docs/reference/vendors/ says the same as `dayreel providers --json`: every vendor, its variables, each refusal."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from reference_tables import filled

from dayreel.cli.providers_command import command
from dayreel.vendors.registry import vendors

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "vendors"
PARTS = ("Create", "Scopes", "Variables", "Cost", "Limits", "Refusals")
REFUSALS = {vendor.name: vendor.refusals for vendor in vendors() if vendor.refusals}


@cache
def sections(family: str) -> dict[str, str]:
    page = PAGES / f"{family.replace('_', '-')}.md"
    parts = re.split(r"^## (\w+)$", filled(page.read_text(encoding="utf-8")), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def section(name: str) -> str:
    return sections(VENDORS[name]["family"])[name]


def listed() -> list[dict[str, Any]]:
    result = CliRunner().invoke(command, ["--json"], standalone_mode=False)
    assert result.exception is None
    return list(json.loads(result.stdout))


VENDORS = {entry["name"]: entry for entry in listed()}


@pytest.mark.parametrize("family", dict.fromkeys(vendor["family"] for vendor in VENDORS.values()))
def test_a_familys_page_has_its_vendors_in_their_order(family: str) -> None:
    assert list(sections(family)) == [name for name, vendor in VENDORS.items() if vendor["family"] == family]


@pytest.mark.parametrize("name", VENDORS)
def test_a_section_says_what_the_list_says(name: str) -> None:
    text, vendor = section(name), VENDORS[name]
    assert text.strip().splitlines()[0] == f"{vendor['family']}: {', '.join(vendor['can'])}."
    variables = re.search(r"^\*\*Variables\.\*\* (Needs .+?)(?:; takes (.+?))?\.( |$)", text, re.MULTILINE)
    assert variables is not None
    assert re.findall(r"`(\w+)`", variables[1]) == list(vendor["needs"])
    assert re.findall(r"`(\w+)`", variables[2] or "") == list(vendor["takes"])


@pytest.mark.parametrize("name", VENDORS)
def test_a_section_has_every_part_with_something_in_it(name: str) -> None:
    parts = dict(re.findall(r"^\*\*(\w+)\.\*\* (.+)$", section(name), re.MULTILINE))
    assert tuple(parts) == PARTS


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_that_is_typed_is_explained(name: str) -> None:
    missing = {code for code in REFUSALS[name] if f"`{code}`" not in section(name)}
    assert not missing


def test_no_value_is_ever_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "marked-secret")
    output = CliRunner().invoke(command, ["--json"], standalone_mode=False).stdout
    assert "marked-secret" not in output
    assert next(entry for entry in json.loads(output) if entry["name"] == "fal")["needs"] == {"FAL_KEY": True}
