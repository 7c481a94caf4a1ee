"""`dayreel connect`: an account is connected in a browser, and only the app's id and secret are ever typed."""

import os
import sys
import webbrowser
from contextlib import ExitStack

import click

from dayreel.cli.loopback import PORT, listening, redirect_address
from dayreel.cli.output import print_json
from dayreel.errors import UsageError
from dayreel.services.project import Project, opened_project
from dayreel.services.setting_up.connect_account import (
    WAIT,
    ConsentedAccount,
    begin,
    connectable,
    consent_of,
    finish,
    keep,
    missing_app,
)
from dayreel.vendors.consent import Consent
from dayreel.vendors.registry import label_of


@click.command("connect")
@click.argument("platform")
@click.option("--way", metavar="NAME", help="which login, where a platform has several; default is its first")
@click.option("--port", default=PORT, show_default=True, help="where this machine waits for the browser")
@click.option("--no-browser", is_flag=True, help="print the address and open nothing")
@click.option("--paste", is_flag=True, help="wait for nothing: paste the address at which the browser ends up")
@click.option("--replace", is_flag=True, help="connect another account than the present one without asking")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(
    platform: str, way: str | None, port: int, no_browser: bool, paste: bool, replace: bool, as_json: bool
) -> int:
    """Connect an account of PLATFORM: open its page, consent there, and see whose account it is.

    Asks for the app's id and secret where they are not set. Tokens are kept after the platform has answered to them:
    in .env, which only you can read, and sealed in the catalog where dayreel renews them.
    """
    if platform not in connectable():
        raise UsageError(
            f"{platform!r} is not a platform whose accounts are connected in a browser.",
            next_step=f"Those are: {', '.join(connectable())}.",
        )
    consent = consent_of(platform, way)
    with opened_project() as project, ExitStack() as stack:
        app = _ask_app(project, platform, consent)
        waiting = None if paste else stack.enter_context(listening(consent.loopback, port, project.clock))
        redirect_uri = redirect_address(consent.loopback, port) if waiting is None else waiting.redirect_uri
        attempt = begin(project, platform, way=way, redirect_uri=redirect_uri, app=app)
        _say_where(consent, redirect_uri, attempt.pending.url, paste=paste)
        if not no_browser and not paste:
            _open(attempt.pending.url)
        answer_url = _ask_address() if waiting is None else waiting.wait(attempt.pending.state, project.clock, WAIT)
        consented = finish(project, attempt, answer_url)
        if consented.warning and not replace:
            click.echo(consented.warning, err=True)
            if not click.confirm("Connect it all the same?", default=False, err=True):
                click.echo("No token was kept.", err=True)
                return 1
        keep(project, consented, via="cli")
    if as_json:
        print_json(_document(consented))
    else:
        _report(consented)
    return 0


def _ask_app(project: Project, platform: str, consent: Consent) -> dict[str, str]:
    app = {}
    for part in missing_app(project.settings, platform, consent):
        hidden = " (not shown)" if part.secret else ""
        answer: str = click.prompt(f"{part.variable}, {part.help}{hidden}", hide_input=part.secret, err=True)
        app[part.variable] = answer.strip()
    return app


def _say_where(consent: Consent, redirect_uri: str, url: str, *, paste: bool) -> None:
    click.echo(f"The browser comes back to {redirect_uri}, which is registered once:\n  {consent.register}", err=True)
    if consent.loopback == "https" and not paste:
        click.echo(
            "It takes https alone, so your browser warns of this machine's own certificate once: go on to localhost.",
            err=True,
        )
    click.echo(f"Log in and allow it at:\n  {url}", err=True)
    if paste:
        click.echo("The browser ends at a page that does not load. That one address is pasted here.", err=True)


def _ask_address() -> str:
    answer: str = click.prompt("Its whole address (not shown)", hide_input=True, err=True)
    return answer.strip()


def _open(url: str) -> None:
    # Without a screen the standard library would start a browser in this terminal.
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def _report(consented: ConsentedAccount) -> None:
    brought, platform = consented.brought, consented.attempt.platform
    click.echo(f"{label_of(platform)} is connected: {consented.account}{f', {brought.kind}' if brought.kind else ''}.")
    click.echo(f"  proved    {consented.proof}")
    click.echo(f"  app       {brought.app}")
    click.echo(f"  scopes    {', '.join(brought.granted) or 'not named'}")
    for scope, lost in consented.missing.items():
        click.echo(f"  missing   {scope}: no {lost}. Connect again and allow it.")
    for what, at in brought.ends.items():
        click.echo(f"  ends      {what} on {at:%Y-%m-%d}; you are reminded 14 days before")
    for sentence in brought.advice:
        click.echo(f"  note      {sentence}")
    click.echo("What runs from now on uses it; start `dayreel up` again if it runs.")


def _document(consented: ConsentedAccount) -> dict[str, object]:
    brought = consented.brought
    return {
        "platform": consented.attempt.platform,
        "way": consented.attempt.consent.name,
        "account": {"id": consented.account.id, "name": consented.account.name, "kind": brought.kind},
        "app": brought.app,
        "granted": list(brought.granted),
        "missing": list(consented.missing),
        "ends": {what: at.isoformat() for what, at in brought.ends.items()},
        "advice": list(brought.advice),
        "approvals_ended": list(consented.voided),
    }
