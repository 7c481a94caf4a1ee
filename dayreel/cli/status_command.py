"""`dayreel status`: where every content stands. Never imports Dagster, and starts nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from dayreel.cli.output import print_json, print_table
from dayreel.clock import SystemClock
from dayreel.rules.content_ids import parse_day
from dayreel.services.status import status_of
from dayreel.settings import load_settings
from dayreel.stores.catalog.engine import open_catalog

SHOWN = 20
_TWO_DAYS_H = 48
_NOTHING_YET = "Nothing was made yet. `dayreel run` makes today's videos."


@click.command("status")
@click.option("--date", "day", metavar="YYYY-MM-DD", help="only this day")
@click.option("--all", "everything", is_flag=True, help=f"every day; else the newest {SHOWN}")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(day: str | None, everything: bool, as_json: bool) -> None:
    """Show each content's state, cost, review and posts, and the command to type next."""
    wanted = parse_day(day) if day else None
    with open_catalog(load_settings().catalog) as catalog:
        told = status_of(catalog, day=wanted, limit=None if everything or wanted else SHOWN)
    if as_json:
        print_json(told)
        return
    now = SystemClock().now()
    if not told:
        nothing = f"Nothing was made for {wanted}. `dayreel status --all` lists every day." if wanted else _NOTHING_YET
        click.echo(nothing)
        return
    print_table(
        ("content", "state", "cost", "video", "posts", "next"),
        [
            (
                one["content_id"],
                one["state"],
                f"${one['cost_usd']}",
                f"content/{one['final_video']}" if one["final_video"] else "",
                ", ".join(_post(name, post, now) for name, post in one["posts"].items()),
                one["next"],
            )
            for one in told
        ],
    )
    for one in told:
        if one["error"] and one["state"] == "failed":
            click.echo(f"\n{one['content_id']} failed: {one['error']}")
        for effect in one["unknown"]:
            click.echo(
                f"\n{one['content_id']}: the outcome of effect {effect['effect_id']} ({effect['kind']} "
                f"{effect['sequence']} at {effect['target']}) is not known: {effect['error']}\n"
                f"`dayreel reconcile` looks; if that does not settle it: {effect['next']}"
            )


def _post(name: str, post: Mapping[str, Any], now: datetime) -> str:
    """Return one post in words; what is not over yet with its age."""
    words = f"{name} {post['state']}" + (" (public id pending)" if "public_id" in post else "")
    if "since" not in post:
        return words
    hours = (now - datetime.fromisoformat(post["since"])).total_seconds() / 3600
    return f"{words} for {hours / 24:.0f} d" if hours >= _TWO_DAYS_H else f"{words} for {max(hours, 0):.1f} h"
