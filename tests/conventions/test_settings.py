"""`.env.example` says the same as `dayreel.settings.Settings` and the vendors' records: every variable, what it is.

`python -m tests.conventions.test_settings` writes it again.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import ConfigurationError
from dayreel.settings import Settings, load_settings, variable_of
from dayreel.vendors.registry import vendors

EXAMPLE = Path(__file__).parents[2] / ".env.example"
HEAD = (
    "# Copy to .env and take the # away from what you change. The environment wins over this file.",
    "# Caps, the kill switch and which accounts post for real are not here: `dayreel config list`.",
)
KEYS = (
    "# Keys: only DAYREEL_WORLD=live needs them, and only those of the vendors your channels name. Each comment says",
    "# where its key comes from; `dayreel doctor` shows which are missing.",
)
# Found from where a command is typed, never set.
NOT_SET_BY_PEOPLE = {"root"}
_ENTRY = re.compile(r"^# (?P<comment>.+)\n#(?P<name>[A-Z][A-Z0-9_]*)=(?P<default>.*)$", re.MULTILINE)

FIELDS = {name: field for name, field in Settings.model_fields.items() if name not in NOT_SET_BY_PEOPLE}


SETTINGS = list(dict.fromkeys(setting for vendor in vendors() for setting in vendor.settings))
VENDORS_OWN = {setting.variable for setting in SETTINGS}
DESCRIBED = {variable_of(name): field.description or "" for name, field in FIELDS.items()} | {
    setting.variable: setting.help for setting in SETTINGS
}


def entries() -> dict[str, dict[str, Any]]:
    text = EXAMPLE.read_text(encoding="utf-8")
    return {match["name"]: match.groupdict() for match in _ENTRY.finditer(text)}


def rendered() -> str:
    """The file as it should be."""
    lines = [*HEAD, ""]
    for name, field in FIELDS.items():
        default = "" if field.default is None else field.default
        lines += [
            f"# {field.description}",
            f"#{variable_of(name)}={str(default).lower() if isinstance(default, bool) else default}",
            "",
        ]
    lines += [*KEYS, ""]
    for setting in SETTINGS:
        lines += [f"# {setting.help}", f"#{setting.variable}=", ""]
    return "\n".join(lines)


def test_the_example_is_that_of_the_settings() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == rendered(), (
        "python -m tests.conventions.test_settings writes it again"
    )


@pytest.mark.parametrize("variable", DESCRIBED)
def test_a_variable_is_explained(variable: str) -> None:
    assert len(DESCRIBED[variable]) > len("one of ")


def test_copying_the_example_to_dotenv_changes_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in DESCRIBED:
        monkeypatch.delenv(variable, raising=False)
    bare = load_settings(tmp_path)
    (tmp_path / ".env").write_bytes(EXAMPLE.read_bytes())
    assert load_settings(tmp_path) == bare


def test_every_variable_has_its_lines() -> None:
    assert list(entries()) == list(DESCRIBED)


def test_no_secret_is_shown_when_settings_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in DESCRIBED:
        if "SecretStr" in str(FIELDS.get(variable.removeprefix("DAYREEL_").lower())) or variable in VENDORS_OWN:
            monkeypatch.setenv(variable, "marked-secret")
    settings = load_settings(tmp_path)
    assert settings.variable("FAL_KEY") == "marked-secret"
    assert "marked-secret" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_the_environment_wins_and_empty_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("FAL_KEY=of the file\nOPENAI_API_KEY=of the file\nntfy_topic=of the file\n")
    monkeypatch.setenv("FAL_KEY", "of the environment")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    settings = load_settings(tmp_path)
    assert settings.variable("FAL_KEY") == "of the environment"
    assert settings.variable("OPENAI_API_KEY") is None
    assert settings.variable("NTFY_TOPIC") == "of the file"
    assert settings.with_variables(FAL_KEY=None).variable("FAL_KEY") is None


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DAYREEL_TIMEZONE", "Mars/Olympus", "it is not a valid IANA time zone; write it like `Europe/Madrid`"),
        ("DAYREEL_TIMEZONE", "localtime", "it is not a valid IANA time zone; write it like `Europe/Madrid`"),
        ("DAYREEL_TIMEZONE", "Factory", "it is not a valid IANA time zone; write it like `Europe/Madrid`"),
        ("DAYREEL_FIRST_DAY", "2026-13-01", "it is not a valid day; write it like 2026-11-01"),
        ("DAYREEL_FIRST_DAY", "20261101", "it is not a valid day; write it like 2026-11-01"),
        ("DAYREEL_MORNING_AT", "23:31", "it is not a clock time up to 23:30; write it like 08:00, or off"),
        ("DAYREEL_WEEKLY_AT", "Monday 9:00", "it is not a weekday and a clock time; write it like mon 09:00, or off"),
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
