"""`dayreel channels`: list and validate the channel files. Never imports Dagster."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.rules.markers import spec_hash
from dayreel.settings import load_settings
from dayreel.stores.channel_files import ChannelFiles


@click.group("channels")
def command() -> None:
    """The channel files in channels/."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def list_all(as_json: bool) -> None:
    """List the channels."""
    channels = ChannelFiles(load_settings().channels_dir).load_all()
    if as_json:
        print_json([channel.model_dump(mode="json") for channel in channels.values()])
        return
    print_table(
        ("channel", "title", "ideas", "video", "publishes to"),
        [
            (name, one.title, one.ideas.provider, one.video.provider, ", ".join(one.platforms.chosen()))
            for name, one in channels.items()
        ],
    )


@command.command("validate")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def validate(as_json: bool) -> int:
    """Check every file: each problem with its file, line, field and what is allowed."""
    files = ChannelFiles(load_settings().channels_dir)
    problems = files.problems()
    if as_json:
        print_json([vars(problem) for problem in problems])
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        names = files.names()
        click.echo(
            f"{len(problems)} problems in {len(names)} channels." if problems else f"{len(names)} channels are fine."
        )
    return 1 if problems else 0


@command.command("spec")
@click.argument("name")
def spec(name: str) -> None:
    """Print the spec hash that a completion marker of this channel must carry (see docs/operate.md)."""
    click.echo(spec_hash(ChannelFiles(load_settings().channels_dir).load(name).segments))
