"""How people meet dayreel at a prompt: one module a command, imported only when it is the one that was typed.

A command reads what was typed, calls one service, and shows what came back: JSON on stdout with `--json`, sentences and
tables otherwise, progress and logs on stderr. Exit codes: 0 done, 1 something failed (one sentence with the next step),
2 wrong usage.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module

import click

from dayreel.atomic_write import full_disk_reported
from dayreel.cli.output import stdout_for_the_answer
from dayreel.errors import DayreelError

COMMANDS = {
    "run": "make the day of every channel, up to its review; safe to repeat",
    "status": "where every content stands",
    "review": "list, approve, reject or edit what waits for a decision",
    "publish": "publish what was approved, or show with --plan what would be sent",
    "tui": "review, watch and resolve with the keyboard, in a terminal",
    "retry": "continue a failed content, or make a new take",
    "why": "one page about a content or a post: from view count back to prompt",
    "backfill": "make the days that are missing or failed, up to their reviews",
    "reconcile": "look up every act whose outcome is not known",
    "backup": "write everything the catalog knows into one file, while dayreel runs",
    "restore": "put a backup back; what was sent since is taken from the contents' folders",
    "rebuild": "the catalog from the contents' folders, after a loss",
    "watch": "report what should exist and does not, once or every five minutes",
    "config": "caps and other settings that change while dayreel runs",
    "switch": "the kill switch: off stops every purchase and every post",
    "channels": "list and validate the channel files",
    "preview": "a channel's edit as a short film, from what is there; buys nothing",
    "setup": "ask for keys step by step, test each, and write .env",
    "connect": "connect an account of a platform in a browser, and see whose it is and until when",
    "providers": "every vendor: what it can do, which variables it needs, which are set",
    "report": "the weekly report of every channel, as a page and as a text for a chat",
    "sql": "ask the marts: DuckDB with a view per table, or --query for CSV and JSON",
    "demo": "a project of its own with sixty days of simulated content, to look around in",
    "ingest": "take own footage into the library",
    "library": "own footage: list, questions, scan, watch, rebuild",
    "jobs": "the workers' jobs: list, cancel, try again",
    "worker": "do the jobs of own footage on this machine: remux, transcode, file",
    "migrate-v1": "take over clips and settings of the older system",
    "sandbox": "run the sandbox world in the foreground",
    "desk": "review in the browser, with Dagster behind its login, in the foreground",
    "users": "who may use the desk: add, list, disable, links, tokens",
    "up": "Dagster, the desk in front of it, and the sandbox world, until Ctrl-C",
    "doctor": "check this machine, the settings, the catalog and Dagster",
    "state": "look into a manifest: show, history, verify, backups, restore",
}
_OF_FOOTAGE = ("ingest", "library", "jobs", "worker", "migrate-v1")


class _Commands(click.Group):
    """A group whose commands are modules, imported on use: `status` must not wait for Dagster."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command's module and return its `command`."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        package = "dayreel.footage.cli" if cmd_name in _OF_FOOTAGE else "dayreel.cli"
        command: click.Command = import_module(f"{package}.{cmd_name.replace('-', '_')}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="dayreel")
def root() -> None:
    """Make, review, publish and measure a short vertical video a day, per channel."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    # Importing Dagster and a vendor's SDK makes a million objects that stay. Looking for garbage among them again and
    # again is a fifth of the CPU of `dayreel run`; every hundred thousand new ones is often enough for ten more MB.
    gc.set_threshold(100_000, 20, 50)
    # Pydantic reads the metadata of every installed package for plugins, of which nobody here uses any: a tenth of the
    # CPU of `dayreel status`.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _bypass_proxies_on_loopback()
    sys.exit(run(arguments))


def _bypass_proxies_on_loopback() -> None:
    """Reach the sandbox world, Dagster and the desk directly, whatever proxy the environment names."""
    already = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    os.environ["no_proxy"] = ",".join(filter(None, (already, "127.0.0.1", "localhost", "::1")))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; every expected failure is one sentence on stderr."""
    try:
        wants_json = "--json" in (sys.argv if arguments is None else arguments)
        with full_disk_reported(), stdout_for_the_answer() if wants_json else nullcontext():
            outcome = root.main(args=arguments, prog_name="dayreel", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 1
    except DayreelError as error:
        click.echo(f"dayreel: {error}", err=True)
        return error.exit_code
    return outcome if isinstance(outcome, int) else 0
