"""Where every content stands, in the shape that the CLI promises. Reads the catalog, changes nothing."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.reads import ContentRow, costs_of, is_unnamed, list_contents, open_effects, posts_of
from dayreel.stores.catalog.tables import decisions, effects


def status_of(
    catalog: Catalog,
    *,
    day: date | None = None,
    channels: Sequence[str] = (),
    states: Sequence[str] = (),
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return one JSON-ready document per content, newest day first; at most `limit` of them.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with catalog.read() as connection:
        rows = list_contents(connection, day=day, channels=channels, states=states, limit=limit)
        ids = [row.id for row in rows]
        costs = costs_of(connection, ids)
        posts: dict[str, dict[str, Any]] = {}
        posted = posts_of(connection, ids)
        results = _results(connection, posted)
        for post in posted:
            posts.setdefault(post["content_id"], {})[post["platform"]] = _post(post, results.get(post["effect_id"], {}))
        verdicts = {
            row.content_id: row
            for row in connection.execute(
                select(decisions).where(decisions.c.content_id.in_(ids)).order_by(decisions.c.id)
            )
        }
        parked: dict[str, list[dict[str, Any]]] = {}
        for effect in open_effects(connection, ids):
            parked.setdefault(effect["content_id"], []).append(
                {
                    "effect_id": effect["id"],
                    "kind": effect["kind"],
                    "target": effect["target"],
                    "sequence": effect["sequence"],
                    "reserved_usd": str(effect["reserved_usd"]),
                    "error": effect["error"],
                    "next": f"dayreel reconcile --effect {effect['id']} --found ID (or --not-there)",
                }
            )
    return [
        {
            "content_id": row.id,
            "channel": row.channel,
            "date": row.day.isoformat(),
            "take": row.take,
            "state": row.state,
            "world": row.world,
            "revision": row.revision,
            "cost_usd": str(sum(costs.get(row.id, {}).values(), Decimal(0)).quantize(Decimal("0.0001"))),
            "cost_by_layer_usd": {layer: str(usd) for layer, usd in sorted(costs.get(row.id, {}).items())},
            "idea": row.idea,
            "caption": row.caption,
            "final_video": row.final_video_path,
            "review": _review(row, verdicts.get(row.id)),
            "posts": posts.get(row.id, {}),
            "unknown": parked.get(row.id, []),
            "error": row.error,
            "next": next_step(row, has_unknown=row.id in parked, has_failed_post=_has_failed(posts.get(row.id, {}))),
        }
        for row in rows
    ]


def _results(connection: Connection, posts: Sequence[RowMapping]) -> dict[int, dict[str, Any]]:
    """Return what the ledger has of those posts that are out without an address."""
    numbers = [post["effect_id"] for post in posts if post["state"] == "posted" and post["post_url"] is None]
    query = select(effects.c.id, effects.c.result).where(effects.c.id.in_(numbers))
    return {row.id: row.result for row in connection.execute(query)} if numbers else {}


def _post(post: RowMapping, result: dict[str, Any]) -> dict[str, Any]:
    """Return one post; whatever is not over yet says since when."""
    told = {"state": post["state"], "url": post["post_url"], "post_id": post["post_id"]}
    if is_unnamed(post, result):
        told["public_id"] = "pending"
    if post["state"] != "posted" or "public_id" in told:
        told["since"] = (post["posted_at"] or post["updated_at"]).isoformat(timespec="seconds")
    if post["error_message"]:
        told["error"] = post["error_message"]
    return told


def _has_failed(posts: dict[str, Any]) -> bool:
    return any(post["state"] == "failed" for post in posts.values())


def next_step(row: ContentRow, *, has_unknown: bool, has_failed_post: bool = False) -> str | None:
    """Return the command a person would type next, or None when there is nothing to do."""
    if has_unknown:
        return "dayreel reconcile"
    if row.state == "review_pending":
        return f"dayreel review approve {row.id}"
    if row.state == "failed" or (row.state == "publishing" and has_failed_post):
        return f"dayreel retry {row.id}"
    if row.state in ("approved", "publishing"):
        return f"dayreel publish {row.id}"
    if row.state in ("rejected", "expired"):
        return f"dayreel retry {row.id} --new-take"
    return None if row.state == "posted" else f"dayreel run --date {row.day} --channel {row.channel}"


def _review(row: ContentRow, newest: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "deadline_at": row.review_deadline_at.isoformat(timespec="seconds") if row.review_deadline_at else None,
        "verdict": None,
    }
    if newest is not None:
        told |= {
            "verdict": newest.verdict,
            "by": newest.decided_by,
            "via": newest.via,
            "at": newest.decided_at.isoformat(timespec="seconds"),
            "revision": newest.revision,
            "note": newest.note,
        }
    return told
