"""`dayreel jobs`: the workers' jobs on the shared folder: list, cancel, try again."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.footage.cli.opened import opened_library

_JSON = click.option("--json", "as_json", is_flag=True, help="print one JSON document")


@click.group("jobs")
def command() -> None:
    """What workers have to do, are doing and have done."""


@command.command("list")
@click.option("--most", type=click.IntRange(1, 10000), default=50, show_default=True, help="how many")
@_JSON
def list_jobs(most: int, as_json: bool) -> None:
    """List the newest jobs."""
    from dayreel.footage.library.documents import jobs_document

    with opened_library() as library:
        documents = jobs_document(library.project.catalog, most=most)
    if as_json:
        print_json(documents)
    elif not documents:
        click.echo("There are no jobs.")
    else:
        rows = [
            (
                document["job"],
                document["state"],
                f"{document['progress']} %",
                document["worker"],
                document["error"] or document["detail"],
            )
            for document in documents
        ]
        print_table(("job", "state", "", "worker", ""), rows)


@command.command("cancel")
@click.argument("job")
def cancel(job: str) -> None:
    """Stop a job: one that waits at once, one that runs as soon as its worker looks."""
    from dayreel.footage.library.jobs import cancel_job

    with opened_library() as library:
        click.echo(cancel_job(library, job))


@command.command("retry")
@click.argument("job")
def retry(job: str) -> None:
    """Put a failed or cancelled job into the queue again."""
    from dayreel.footage.library.jobs import retry_job

    with opened_library() as library:
        click.echo(retry_job(library, job))
