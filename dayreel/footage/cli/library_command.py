"""`dayreel library`: own footage on the shared folder: items, questions about them, and the controller's watch."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dayreel.cli.output import print_json, print_table
from dayreel.errors import ConfigurationError, UsageError
from dayreel.footage.cli.opened import opened_library
from dayreel.settings import load_settings

if TYPE_CHECKING:
    from dayreel.footage.library.open_library import Library

_JSON = click.option("--json", "as_json", is_flag=True, help="print one JSON document")


@click.group("library")
def command() -> None:
    """Own footage: ripped, remuxed, transcoded, in the library."""


@command.command("init")
def init() -> None:
    """Make the folder of DAYREEL_LIBRARY a shared folder: its plan, its stages, its queue. What is there stays."""
    from dayreel.footage.stores.plan import PLAN_FILE, start_library

    root = load_settings().library
    if root is None:
        raise ConfigurationError("DAYREEL_LIBRARY is not set.", next_step="Set it in .env to the shared folder's path.")
    is_new = start_library(root)
    click.echo(f"{root / PLAN_FILE} is {'new: read it, then' if is_new else 'as it was;'} `dayreel ingest FILE`.")


@command.command("list")
@_JSON
def list_items(as_json: bool) -> None:
    """List every item by its state, with what it waits for."""
    from dayreel.footage.library.documents import items_document
    from dayreel.footage.library.views import STATES

    with opened_library() as library:
        documents = items_document(library.project.catalog)
    if as_json:
        print_json(documents)
    elif not documents:
        click.echo("The library is empty. `dayreel ingest FILE` takes footage in.")
    for state, title in () if as_json else STATES.items():
        group = [document for document in documents if document["state"] == state]
        if group:
            click.echo(f"{title} ({len(group)})")
            rows = [(each["item_id"], each["title"], each["error"] or each["next"]) for each in group]
            print_table(("item", "title", "next"), rows)


@command.command("show")
@click.argument("item")
@_JSON
def show(item: str, as_json: bool) -> None:
    """Show one item: its files at every stage, questions, jobs and history."""
    from dayreel.footage.library.views import item_page

    with opened_library() as library:
        page = item_page(library.project, item)
    document = page.item
    if as_json:
        print_json(document)
        return
    urgency = "" if document["priority"] is None else f", priority {document['priority']}"
    click.echo(f"{document['item_id']}: {document['title']} ({document['state']}{urgency})")
    error, trouble = document["error"] or "", page.trouble
    for words in (error, "" if trouble in error else trouble):
        if words:
            click.echo(f"  {words}")
    if document["trouble"]:
        kept = document["trouble"]
        click.echo(f"  {kept['kind']}: tried {kept['times']} x since {kept['since']}")
    for stage, made in document["stages"].items():
        click.echo(f"  {stage:<10} {made['folder']}  by {made['made_by']} at {made['made_at']}")
        for file in made["files"]:
            click.echo(f"             {file['path']}  {file['size_bytes']} bytes  {file['sha256'][:12]}")
        for seen in made["facts"].get("files", []):
            if "quality" in seen:
                click.echo(f"             {seen['path']}: {seen['quality']['reason']}")
    for event in document["history"]:
        click.echo(
            f"  {event['at']}  {event['to_state']:<12} {event['trigger']:<9} {event['actor']}: {event['notes'] or ''}"
        )


@command.command("gates")
@_JSON
def gates(as_json: bool) -> None:
    """List the questions that wait for a person."""
    from dayreel.footage.library.documents import gates_document

    with opened_library() as library:
        documents = gates_document(library.project.catalog)
    if as_json:
        print_json(documents)
    elif not documents:
        click.echo("Nobody is asked anything.")
    for document in () if as_json else documents:
        click.echo(f"{document['id']}  {document['item_id']}  {document['type']}  since {document['requested_at']}")
        for line in _lines(document):
            click.echo(f"    {line}")


@command.command("answer")
@click.argument("gate", type=int)
@click.argument("verdict", type=click.Choice(["approved", "rejected"]))
@click.option("--keep", metavar="N,N", help="with a rejected remux: the streams to keep; it is made again with them")
@click.option(
    "--name", "names", multiple=True, metavar="FILE=PATH", help="another name in the library; may be given again"
)
@click.option("--by", metavar="NAME", help="who says so; default is DAYREEL_REVIEWER or the login name")
@_JSON
def answer(gate: int, verdict: str, keep: str | None, names: tuple[str, ...], by: str | None, as_json: bool) -> None:
    """Answer a question about an item."""
    from dayreel.footage.library.documents import gate_document
    from dayreel.footage.library.gates import answer as record

    with opened_library() as library:
        response = _response(library, gate, keep, names)
        outcome = record(library, gate, verdict, by=by or library.project.actor, via="cli", response=response)  # type: ignore[arg-type]
    if as_json:
        print_json(gate_document(outcome))
    else:
        click.echo(f"{outcome.item_id}: {outcome.approval_type} {outcome.status} by {outcome.responded_by}.")


@command.command("look-up")
@click.argument("gate", type=int)
@_JSON
def look_up(gate: int, as_json: bool) -> None:
    """Ask for titles again, where a question about names could not be answered with them."""
    from dayreel.footage.library.documents import gate_document
    from dayreel.footage.library.gates import look_up_again

    with opened_library() as library:
        asked = gate_document(look_up_again(library, gate, by=library.project.actor, via="cli"))
    if as_json:
        print_json(asked)
        return
    click.echo(f"{asked['id']}  {asked['item_id']}" + ("" if asked["id"] == gate else f"  in place of question {gate}"))
    for line in _lines(asked):
        click.echo(f"    {line}")


@command.command("priority")
@click.argument("item")
@click.argument("priority", type=click.IntRange(0, 9))
def priority(item: str, priority: int) -> None:
    """Have an item's next jobs go before (0) or behind (9) those of others; 5 is as usual."""
    from dayreel.footage.library.prioritise import set_priority

    with opened_library() as library:
        click.echo(set_priority(library, item, priority))


@command.command("scan")
@_JSON
def scan(as_json: bool) -> None:
    """Look at the whole folder once, and do everything that can be done: take in, ask, send jobs.

    Items in trouble are tried too, whose time has not come.
    """
    from dayreel.footage.library.run_pass import run_pass

    with opened_library() as library:
        _print_notes(run_pass(library, everything=True), as_json=as_json, nothing="Nothing is new.")


@command.command("rebuild")
@_JSON
def rebuild(as_json: bool) -> None:
    """Rebuild the catalog's items, answers and jobs from the shared folder alone."""
    from dayreel.footage.library.rebuild import rebuild as rebuild_catalog

    with opened_library() as library:
        _print_notes(rebuild_catalog(library), as_json=as_json, nothing="The shared folder has no items.")


@command.command("watch")
@click.option("--poll", is_flag=True, help="look for changes by polling: for a network share other machines write to")
@click.option("--log-dir", type=click.Path(path_type=Path), metavar="PATH", help="default is var/logs")
def watch(poll: bool, log_dir: Path | None) -> int:
    """Tend the library until Ctrl-C: the controller. `dayreel up` runs one too."""
    from dayreel.cli.signals import until_notified
    from dayreel.footage.cli.json_log import open_log
    from dayreel.footage.library.open_library import WATCH_LOCK
    from dayreel.footage.library.watch_folder import watch_folder
    from dayreel.stores.locks import hold

    with opened_library() as library, until_notified() as stop:
        settings, clock = library.project.settings, library.project.clock
        with (
            hold(settings.var_dir / "locks", WATCH_LOCK, what="watch the library", at=clock.now()),
            open_log(log_dir or settings.var_dir / "logs", "library-watch", level=settings.log_level) as log,
        ):
            words = f"Watching {library.root}."
            log.note("started", words, to_show=f"{words} Ctrl-C stops.", library=str(library.root))
            report = partial(log.note, "tended")
            watch_folder(library, stop=stop, report=report, notify_trouble=log.trouble, poll=poll)
            log.note("stopped", "Stopped.")
    return 0


def _response(library: "Library", gate: int, keep: str | None, names: tuple[str, ...]) -> dict[str, Any]:
    response: dict[str, Any] = {}
    if keep is not None:
        try:
            response["keep"] = [int(part) for part in keep.split(",")]
        except ValueError:
            raise UsageError(
                f"--keep {keep!r} is not a valid list of numbers.", next_step="Like --keep 0,1,3."
            ) from None
    if names:
        from dayreel.footage.stores.reads import get_gate

        with library.project.catalog.read() as connection:
            proposed: dict[str, str] = dict(get_gate(connection, gate).prompt_data.get("names", {}))
        response["names"] = {**proposed, **dict(_pair(pair) for pair in names)}
    return response


def _pair(text: str) -> tuple[str, str]:
    file, equals, path = text.partition("=")
    if not equals:
        raise UsageError(
            f"--name {text!r} has no `=`.", next_step="Like --name title_1.mkv='movies/A (2019)/A (2019).mkv'."
        )
    return file, path


def _lines(gate: dict[str, Any]) -> Iterator[str]:
    for file in gate["prompt"].get("files", []):
        yield f"{file['path']}  {file['duration_s']} s"
        for stream in file["streams"]:
            parts = (f"{stream[name]}" for name in ("kind", "codec", "language", "title", "detail") if stream.get(name))
            fate = "kept" if stream["is_kept"] else "DROPPED"
            yield f"  {stream['index']:>2}  {fate:<7}  {' '.join(parts)}  ({stream['reason']})"
    for sidecar in gate["prompt"].get("beside", ()):
        yield f"{sidecar}  (subtitles beside it)"
    for file, name in gate["prompt"].get("names", {}).items():
        yield f"{file}  →  {name}"
    if "looked_up" in gate["prompt"]:
        yield gate["prompt"]["looked_up"]["said"]


def _print_notes(sentences: list[str], *, as_json: bool, nothing: str) -> None:
    if as_json:
        print_json(sentences)
    for sentence in () if as_json else sentences or [nothing]:
        click.echo(sentence)
