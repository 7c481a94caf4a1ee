"""`.env.example` says the same as `dayreel.settings.Settings`: every variable, what it is, its default.

`python -m tests.conventions.test_settings` writes it anew.
"""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from dayreel.errors import ConfigurationError
from dayreel.providers.registry import VENDORS
from dayreel.settings import Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
HEAD = (
    "# Copy to .env and take the # away from what you change. The environment wins over this file.",
    "# Caps, the kill switch and which accounts post for real are not here: `dayreel config list`.",
)
KEYS = (
    "# Keys: only DAYREEL_WORLD=live needs them, and only those of the vendors your channels name. Each comment says",
    "# where its key comes from; `dayreel doctor` tells which are missing.",
)
FIRST_KEY = "anthropic_api_key"
# Found from where a command is typed, never set.
NOT_SET_BY_PEOPLE = {"root"}
_ENTRY = re.compile(r"^# (?P<comment>.+)\n#(?P<name>[A-Z][A-Z0-9_]*)=(?P<default>.*)$", re.MULTILINE)

FIELDS = {name: field for name, field in Settings.model_fields.items() if name not in NOT_SET_BY_PEOPLE}


def variable_of(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"DAYREEL_{name}".upper()


def comment_of(field: FieldInfo) -> str:
    return field.description or f"one of {', '.join(get_args(field.annotation))}"


def entries() -> dict[str, dict[str, Any]]:
    text = EXAMPLE.read_text(encoding="utf-8")
    return {found["name"]: found.groupdict() for found in _ENTRY.finditer(text)}


def rendered() -> str:
    """The file as it should be."""
    lines = [*HEAD, ""]
    for name, field in FIELDS.items():
        if name == FIRST_KEY:
            lines += [*KEYS, ""]
        default = "" if field.default is None else field.default
        lines += [f"# {comment_of(field)}", f"#{variable_of(name, field)}={default}", ""]
    return "\n".join(lines)


def test_the_example_is_that_of_the_settings() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == rendered(), "python -m tests.conventions.test_settings writes it anew"


@pytest.mark.parametrize("name", FIELDS)
def test_a_variable_is_explained(name: str) -> None:
    assert len(comment_of(FIELDS[name])) > len("one of ")


def test_copying_the_example_to_dotenv_changes_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in FIELDS.items():
        monkeypatch.delenv(variable_of(name, field), raising=False)
    bare = load_settings(tmp_path)
    (tmp_path / ".env").write_bytes(EXAMPLE.read_bytes())
    assert load_settings(tmp_path) == bare


def test_every_variable_a_vendor_needs_is_a_setting() -> None:
    needed = {variable for vendor in VENDORS.values() for variable in vendor.needs}
    assert needed <= set(entries())


def test_no_secret_is_shown_when_settings_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [name for name in FIELDS if "SecretStr" in str(FIELDS[name].annotation)]
    assert secrets
    for name in secrets:
        monkeypatch.setenv(variable_of(name, FIELDS[name]), "marked-secret")
    assert "marked-secret" not in repr(load_settings(tmp_path))


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DAYREEL_TIMEZONE", "Mars/Olympus", "it is no IANA time zone; write it like Europe/Madrid"),
        ("DAYREEL_FIRST_DAY", "2026-13-01", "it is no day; write it like 2026-11-01"),
        ("DAYREEL_FIRST_DAY", "20261101", "it is no day; write it like 2026-11-01"),
    ],
)
def test_a_value_only_dagster_would_reject_is_refused_at_once(
    variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as refusal:
        load_settings(tmp_path)
    assert f"{variable} ({words})" in refusal.value.message
    assert value not in refusal.value.message


if __name__ == "__main__":
    EXAMPLE.write_text(rendered(), encoding="utf-8")
