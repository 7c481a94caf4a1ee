"""`dayreel users`: who may use the desk. Whoever can run this command on this machine may add an admin."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from dayreel.cli.output import print_json, print_table
from dayreel.rules.roles import ROLES
from dayreel.services.desk.users import Users
from dayreel.services.project import Project, opened_project


@click.group("users")
def command() -> None:
    """Add and list people, change what they may do, map their accounts elsewhere, make links and tokens."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def list_users(as_json: bool) -> None:
    """List everybody."""
    with _people() as (_project, users):
        everybody = users.list()
    listed = [{**vars(user), "created_at": user.created_at.isoformat(timespec="seconds")} for user in everybody]
    if as_json:
        print_json(listed)
    elif not listed:
        click.echo("Nobody yet. `dayreel up` prints a link that makes the first admin.")
    else:
        rows = [
            (
                user.name,
                user.role,
                _stand(user.has_password, user.disabled_at),
                user.created_by,
                ", ".join(f"{kind} {account}" for kind, account in user.accounts),
            )
            for user in everybody
        ]
        print_table(("name", "role", "", "added by", "accounts"), rows)


@command.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="reviewer", show_default=True, help="what they may do")
def add(name: str, role: str) -> None:
    """Add somebody and print the one-time link with which they choose a password."""
    with _people() as (project, users):
        _print_link(project, users.add(name, role, by=project.actor))


@command.command("link")
@click.argument("name")
def link(name: str) -> None:
    """Print a new one-time link for somebody who lost theirs, or their password."""
    with _people() as (project, users):
        _print_link(project, users.invite_again(name, by=project.actor))


@command.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Lock somebody out; every session and token of theirs ends at once."""
    with _people() as (project, users):
        click.echo(f"{users.disable(name, by=project.actor).name} is locked out.")


@command.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let somebody in again."""
    with _people() as (project, users):
        click.echo(f"{users.enable(name, by=project.actor).name} may log in again.")


@command.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def role(name: str, role: str) -> None:
    """Give somebody another role; their sessions end."""
    with _people() as (project, users):
        user = users.change_role(name, role, by=project.actor, via="cli")
        click.echo(f"{user.name} is {user.role} now; whoever was logged in with that name logs in again.")


@command.command("password")
@click.argument("name")
@click.password_option("--password", help="left out, it is asked for; never write it into a script")
def password(name: str, password: str) -> None:
    """Set somebody's password; their sessions and links end, their tokens stay."""
    with _people() as (project, users):
        user = users.change_password(name, password, by=project.actor, via="cli")
        click.echo(f"{user.name} has a new password; whoever was logged in with that name logs in again.")


@command.command("connect")
@click.argument("name")
@click.argument("kind")
@click.argument("account")
def connect(name: str, kind: str, account: str) -> None:
    """Map an account elsewhere to a person: what it decides is theirs. KIND is a chat's name, or `login`."""
    with _people() as (project, users):
        users.connect(name, kind, account, by=project.actor, via="cli")
        click.echo(f"The {kind} account {account} is {users.named(name).name}'s.")


@command.command("disconnect")
@click.argument("name")
@click.argument("kind")
@click.argument("account")
def disconnect(name: str, kind: str, account: str) -> None:
    """Take an account from a person; what was decided with it stays theirs."""
    with _people() as (project, users):
        users.disconnect(name, kind, account, by=project.actor, via="cli")
        click.echo(f"The {kind} account {account} is nobody's.")


@command.command("token")
@click.argument("name")
@click.option("--label", required=True, metavar="TEXT", help="what it is for")
@click.option("--role", type=click.Choice(ROLES), help="what it may do; default is what its person may")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="how long it holds")
def token(name: str, label: str, role: str | None, days: int) -> None:
    """Print an API token for scripts, on behalf of somebody; it is shown once."""
    from dayreel.rules.roles import role_named
    from dayreel.services.desk.sessions import Sessions

    with _people() as (project, users):
        wanted = None if role is None else role_named(role)
        sessions = Sessions(project.catalog, project.clock)
        click.echo(sessions.make_token(users.named(name), label, role=wanted, by=project.actor, days=days))


@contextmanager
def _people() -> Iterator[tuple[Project, Users]]:
    with opened_project() as project:
        yield project, Users(project.catalog, project.clock)


def _print_link(project: Project, token: str) -> None:
    click.echo(f"{project.settings.desk_address}/welcome/{token}")
    click.echo("It works once, for a day.", err=True)


def _stand(has_password: bool, disabled_at: object) -> str:
    if disabled_at is not None:
        return "disabled"
    return "" if has_password else "has not logged in yet"
