"""`dayreel reconcile`: look up every act whose outcome is not known, or say what a person has found."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.errors import UsageError
from dayreel.queries.holds import holds
from dayreel.services.project import opened_project
from dayreel.services.upkeep.reconcile import reconcile, resolve
from dayreel.services.upkeep.recover import recover, release
from dayreel.services.upkeep.search_accounts import search_accounts


@click.command("reconcile")
@click.option("--effect", "effect_id", type=int, metavar="N", help="resolve this effect yourself")
@click.option("--found", "reference", metavar="ID", help="you found it at the provider, under this id")
@click.option("--not-there", is_flag=True, help="you looked, and it is not there")
@click.option(
    "--release", "target", metavar="VENDOR", help="you looked there: let it be bought from or posted to again"
)
@click.option("--note", metavar="TEXT", help="why you are sure")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(
    effect_id: int | None, reference: str | None, not_there: bool, target: str | None, note: str | None, as_json: bool
) -> None:
    """Look first, then confirm, release, or leave it for a person. Sends nothing."""
    if effect_id is not None and (reference is None) == (not not_there):
        raise UsageError("Say what you found.", next_step="Give --found ID or --not-there.")
    if effect_id is None and (reference or not_there):
        raise UsageError("Say which effect you mean.", next_step="Give --effect N; `dayreel reconcile` lists them.")
    recovered = None
    with opened_project() as project:
        if target is not None:
            release(project, target, by=project.actor, note=note)
            click.echo(f"{target} may be bought from and posted to again.", err=True)
        if effect_id is not None:
            outcomes = [resolve(project, effect_id, reference=reference, by=project.actor, note=note)]
        else:
            recovered = recover(project)
            for sentence in [] if recovered is None else recovered.sentences():
                click.echo(sentence, err=True)
            for searched in search_accounts(project):
                click.echo(str(searched), err=True)
            outcomes = reconcile(project)
        held = holds(project).sentences() if recovered is None else ()  # those of a recovery name them
    for sentence in held:
        click.echo(sentence, err=True)
    if as_json:
        print_json([vars(outcome) for outcome in outcomes])
    elif not outcomes:
        click.echo("The outcome of every act is known.")
    else:
        print_table(
            ("effect", "content", "what", "outcome", "evidence", "next"),
            [
                (
                    outcome.effect_id,
                    outcome.content_id,
                    f"{outcome.kind} {outcome.sequence} at {outcome.target}",
                    outcome.outcome,
                    outcome.evidence,
                    outcome.next_step,
                )
                for outcome in outcomes
            ],
        )
