"""`dayreel desk`: review in the browser, in the foreground. `dayreel up` starts it together with Dagster."""

from functools import partial

import click

from dayreel.cli.launch import read_scheduler_health
from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.project import opened_project


@click.command("desk")
@click.option("--host", metavar="ADDRESS", help="where to listen; default is DAYREEL_DESK_HOST, loopback")
@click.option("--port", type=int, metavar="N", help="default is DAYREEL_DESK_PORT; 0 takes a free one")
@click.option(
    "--dagster-url", metavar="URL", help="Dagster's web server, started with --path-prefix /dagster; or unix:SOCKET"
)
@click.option("--no-link", is_flag=True, hidden=True, help="print no first link; `dayreel up` does")
def command(host: str | None, port: int | None, dagster_url: str | None, no_link: bool) -> None:
    """Serve the desk until Ctrl-C; at the first start, print the link that makes the first admin."""
    from dayreel.desk.serve import first_link, serve

    with opened_project() as project:
        settings = project.settings

        def announce(address: str) -> None:
            click.echo(f"{'desk':15} {address}")
            link = None if no_link else first_link(project, address)
            if link is not None:
                click.echo(f"{'first login':15} {link}")

        serve(
            project,
            host=settings.desk_host if host is None else host,
            port=settings.desk_port if port is None else port,
            dagster=None if dagster_url is None else DagsterAddress.parse(dagster_url),
            scheduler_health=partial(read_scheduler_health, project),
            announce=announce,
        )
