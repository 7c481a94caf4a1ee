"""Every `dayreel ...` that a page, a message or a docstring asks people to type exists, with these options."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from dayreel.cli import root
from tests.conventions.test_house_rules import ROOT, tracked

# In running text a command stands in backquotes, in a page's block of commands it begins the line.
QUOTED = re.compile(r"`(?:DAYREEL_\w+=\S+ )?dayreel ([^`\n]+)`")
FENCED = re.compile(r"^```(?:sh|console|bash)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^(?:\$ )?dayreel (.+)$", re.MULTILINE)


def commands_in(text: str) -> Iterator[str]:
    """Yield what follows `dayreel` wherever people are asked to type it."""
    yield from QUOTED.findall(text)
    for block in FENCED.findall(text):
        yield from TYPED.findall(block)


def why_not(line: str) -> str | None:
    """Return what is wrong with a command line, as far as its names show, or None."""
    words = shlex.split(re.sub(r"[\[\]…]|\.\.\.", " ", line).replace("'", "").replace('"', ""), comments=True)
    command: click.Command = root
    context = click.Context(root)
    for word in words:
        name = word.partition("=")[0].rstrip(".,:;")
        if name.startswith("-"):
            known = {
                option
                for parameter in command.get_params(context)
                for option in parameter.opts + parameter.secondary_opts
            }
            if name not in known:
                return f"`{command.name}` has no option {name}"
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z0-9-]*", name):
            subcommand = command.get_command(context, name)
            if subcommand is None:
                return f"there is no command {name!r}"
            command, context = subcommand, click.Context(subcommand, parent=context, info_name=name)
    return None


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("review approve ID --note 'fine'", None),
        ("publish ID --plan   # sends nothing", None),
        ("backfill --from D --to D [--channel C]… [--yes]", None),
        ("publsh ID", "there is no command 'publsh'"),
        ("channels mend", "there is no command 'mend'"),
        ("status --jsn", "`status` has no option --jsn"),
    ],
)
def test_a_command_line_is_held_against_the_real_commands(line: str, wrong: str | None) -> None:
    assert why_not(line) == wrong


def test_commands_that_people_are_asked_to_type_exist() -> None:
    wrong, count = [], 0
    for name in tracked():
        if name.startswith("tests/") or not name.endswith((".md", ".py", ".html", ".yaml", ".example")):
            continue
        for line in commands_in((ROOT / name).read_text(encoding="utf-8")):
            count += 1
            reason = why_not(line)
            wrong += [f"{name}: `dayreel {line}`: {reason}"] if reason else []
    assert not wrong, wrong
    assert count > 200, f"only {count} commands were found: are they written in another way now?"
