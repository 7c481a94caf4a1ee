"""The units and the Ansible role say what is so: commands that exist, secrets where they are needed, paths to write."""

import re
import shlex
from pathlib import Path, PurePosixPath
from typing import Any

import click
import jinja2
import pytest
import yaml
from pydantic import SecretStr

from dayreel.cli import _Commands
from dayreel.cli.up_command import STOP_DEADLINE_S
from dayreel.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
ROLE = DEPLOY / "ansible" / "roles" / "dayreel"
UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir())
SYSTEMD_GIVES = {"LOGS_DIRECTORY": "LogsDirectory", "STATE_DIRECTORY": "StateDirectory"}
SECRET = "not-for-workers"
HOST: dict[str, Any] = {
    "dayreel_desk": True,
    "dayreel_watch": True,
    "dayreel_library": "/mnt/media",
    "dayreel_environment": {"DAYREEL_WORLD": "live", "DAYREEL_DESK_PORT": 8700},
    "dayreel_secrets": {"FAL_KEY": f'{SECRET}"\\', "DAYREEL_CATALOG_URL": f"postgresql://dayreel:{SECRET}@db/dayreel"},
    "dayreel_workers": [{"name": "attic", "roles": "remux,transcode"}],
}


def unit(name: str) -> dict[str, list[str]]:
    """Return every setting of a unit, in the order in which it is given."""
    options: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            options.setdefault(key, []).append(value)
    return options


def loaded(path: str) -> Any:
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


def rendered(template: str, **host: Any) -> str:
    """Render a template as Ansible does, with the role's defaults and what a host sets."""
    loader = jinja2.FileSystemLoader(ROLE / "templates")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["combine"] = lambda first, *others: {
        k: v for mapping in (first, *others) for k, v in mapping.items()
    }
    return environment.get_template(template).render({**loaded("defaults/main.yml"), **HOST, **host})


def environment_of(text: str) -> dict[str, str]:
    """Read an environment file as systemd does."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in lines)}


def leaf(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words on the command line mean, and the words that are its own."""
    command: click.Command = _Commands("dayreel")
    while isinstance(command, click.Group):
        with click.Context(command) as context:
            subcommand = command.get_command(context, words[0])
        assert subcommand is not None, words
        command, words = subcommand, words[1:]
    return command, words


def variables_of(line: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", line))


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_an_existing_command_with_valid_options(name: str) -> None:
    program, *words = unit(name)["ExecStart"][0].split()
    assert program == "/opt/dayreel/venv/bin/dayreel"
    command, own = leaf(words)
    command.make_context(command.name or "", list(own))  # raises for an option that is not there, or is missing


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_defines_its_variables_and_may_write_its_paths(name: str) -> None:
    options = unit(name)
    line = options["ExecStart"][0]
    given = {value.split("=")[0] for value in options.get("Environment", [])}
    for variable in variables_of(line):
        assert variable in given or SYSTEMD_GIVES[variable] in options, variable
    assert PurePosixPath(options["WorkingDirectory"][0]) == PurePosixPath("/var/lib") / options["StateDirectory"][0]
    assert options["ProtectSystem"] == ["strict"]
    if "up" not in line.split():
        assert "--log-dir ${LOGS_DIRECTORY}" in line
    assert 'ReadWritePaths="/mnt/media"' in rendered("library.conf.j2")
    assert 'RequiresMountsFor="/mnt/media"' in rendered("library.conf.j2")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_confined_stops_cleanly_and_limits_restarts(name: str) -> None:
    options = unit(name)
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID"):
        assert options[key] == ["yes"], key
    assert options["CapabilityBoundingSet"] == [""]
    assert options["User"][0] not in ("root", "")
    assert options["Restart"] == ["on-failure"]
    assert int(options["StartLimitBurst"][0]) * int(options["RestartSec"][0]) < int(options["StartLimitIntervalSec"][0])
    assert options["KillMode"] == ["mixed"], "a child that is asked to stop before its parent looks like a fault"
    assert int(options["TimeoutStopSec"][0]) > STOP_DEADLINE_S


def test_a_worker_has_no_secrets_no_network_and_no_desk_files() -> None:
    options = unit("dayreel-worker@.service")
    assert options["EnvironmentFile"] == ["/etc/dayreel/worker.env", "-/etc/dayreel/worker-%i.env"]
    assert options["PrivateNetwork"] == ["yes"]
    assert options["User"] == ["dayreel-worker"]
    environment = environment_of(
        rendered("worker.env.j2", dayreel_worker_environment={"DAYREEL_FFMPEG": "/usr/bin/ffmpeg"})
    )
    assert environment == {"DAYREEL_FFMPEG": "/usr/bin/ffmpeg", "DAYREEL_LIBRARY": "/mnt/media"}
    secret = [name for name, setting in Settings.model_fields.items() if "SecretStr" in str(setting.annotation)]
    assert not {name.upper() for name in secret} & set(environment)
    assert SecretStr.__name__ not in str(Settings.model_fields["library"].annotation)


def test_the_controller_gets_no_keys_and_the_desk_every_setting() -> None:
    controller = environment_of(rendered("library.env.j2"))
    assert controller == {
        "DAYREEL_WORLD": "live",
        "DAYREEL_CATALOG_URL": f"postgresql://dayreel:{SECRET}@db/dayreel",
        "DAYREEL_LIBRARY": "/mnt/media",
    }
    desk = environment_of(rendered("dayreel.env.j2"))
    assert desk == {
        **{name: str(value) for name, value in HOST["dayreel_environment"].items()},
        **HOST["dayreel_secrets"],
        "DAYREEL_LIBRARY": "/mnt/media",
    }
    assert "DAYREEL_LIBRARY" not in rendered("dayreel.env.j2", dayreel_library="")


def test_files_with_settings_are_roots_alone_and_are_in_no_log() -> None:
    tasks = {task["name"]: task for task in loaded("tasks/services.yml")}
    written = tasks["Write the settings of the desk and of the controller"]
    assert (written["ansible.builtin.template"]["mode"], written["no_log"]) == ("0600", True)
    assert tasks["Write what each worker does"]["ansible.builtin.copy"]["mode"] == "0600"


def test_the_role_uses_known_settings_and_explains_defaults() -> None:
    text = (ROLE / "defaults" / "main.yml").read_text(encoding="utf-8")
    example = (DEPLOY / "ansible" / "inventory.example.yml").read_text(encoding="utf-8")
    known = {f"DAYREEL_{name}".upper() for name in Settings.model_fields}
    assert set(re.findall(r"\bDAYREEL_[A-Z_]+", text + example)) <= known
    before = ""
    for line in text.splitlines():
        if line.startswith("dayreel_"):
            assert before.startswith(("#", "dayreel_")), line
        before = line
    page = (DEPLOY.parent / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
    assert [name for name in re.findall(r"`(dayreel_\w+)`", page) if name not in loaded("defaults/main.yml")] == []


def test_logrotate_covers_the_logs_that_up_writes_and_no_jsonl() -> None:
    text = rendered("logrotate.j2")
    assert "/var/lib/dayreel/var/logs/*.log {" in text
    assert "copytruncate" in text, "`dayreel up` keeps them open for appending"
    assert "jsonl" not in text


def test_the_role_handles_every_unit_and_restarts_what_changed() -> None:
    assert sorted(entry["unit"] for entry in loaded("vars/main.yml")["dayreel_units"]) == UNITS
    (handler,) = loaded("handlers/main.yml")
    for file in ("install", "project", "services"):
        notified = {task["notify"] for task in loaded(f"tasks/{file}.yml") if "notify" in task}
        assert notified == {handler["name"]}, file


def test_the_program_is_built_and_deployed_by_make() -> None:
    targets = dict(
        re.findall(r"^(\w+): .*\n\t(.+)$", (DEPLOY.parent / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert "pip wheel" in targets["build"]
    folder, playbook = re.findall(r"cd (\S+) && .*ansible-playbook -i inventory.yml (\S+)", targets["deploy"])[0]
    assert (DEPLOY.parent / folder / playbook).is_file()
