"""One page from view count back to prompt: everything that is known about a content, for `dayreel why`.

Reads the catalog, the manifest and the price list; changes nothing and asks no vendor. What works like a key (an upload
session, a signed URL) is never told: values of handles and results whose name ends in `_url` or `_uri` are left out.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, or_, select

from dayreel.errors import UsageError
from dayreel.queries.renders import renders_of
from dayreel.queries.rows import ContentRow, costs_of, get_content
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.key_like import without_keys
from dayreel.schemas.manifest import Manifest
from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import (
    decisions,
    effects,
    metric_snapshots,
    platform_posts,
    processing_logs,
    state_transitions,
)

# Long and told elsewhere on the page, or of no use to people.
_LEFT_OUT = frozenset({"text", "schema"})


def request_ids(studio: Studio, effect_ids: Sequence[int]) -> list[str]:
    """Return the vendors' own ids of these effects, as far as they told one."""
    query = select(effects.c.result).where(effects.c.id.in_(effect_ids)).order_by(effects.c.id)
    with studio.catalog.read() as connection:
        found = list(connection.execute(query).scalars())
    return [str(result["request_id"]) for result in found if result.get("request_id")]


def find_content_id(studio: Studio, text: str) -> str:
    """Return the content that `text` means: its id, or the URL or platform id of one of its posts.

    Raises:
        UsageError: it means none.
    """
    # An address that was shared from an app carries who shared it: ?igsh=..., ?feature=share.
    bare = text.partition("#")[0].partition("?")[0].rstrip("/")
    posted = select(platform_posts.c.content_id).where(
        or_(
            platform_posts.c.post_url.in_((text, bare, f"{bare}/")),
            platform_posts.c.post_id == text,
        )
    )
    with studio.catalog.read() as connection:
        found = connection.execute(posted.limit(1)).scalar()
        if found is not None:
            return str(found)
        if text.startswith(("http://", "https://")):
            raise UsageError(
                f"No post of ours has the address {text!r}.", next_step="`dayreel status --all --json` lists them."
            )
        return get_content(connection, str(parse_content_id(text))).id


def explain(studio: Studio, content_id: str) -> dict[str, Any]:
    """Return everything about one content as one JSON-ready document, from its posts back to its prompts.

    Raises:
        UsageError: there is no such content.
        StateError: its manifest is damaged.
    """
    studio.contents.fetch(content_id)
    manifest = studio.contents.manifest(content_id) if studio.contents.exists(content_id) else None
    with studio.catalog.read() as connection:
        row = get_content(connection, content_id)
        ledger = _rows(connection, effects, content_id)
        told = {
            "content_id": row.id,
            "channel": row.channel,
            "date": row.day,
            "take": row.take,
            "world": row.world,
            "state": row.state,
            "error": row.error,
            "revision": row.revision,
            "cost_usd": costs_of(connection, [row.id]).get(row.id, {}),
            "posts": _posts(connection, row),
            "decisions": [_decision(decision, row) for decision in _rows(connection, decisions, content_id)],
            "video": _video(manifest),
            "segments": [] if manifest is None else [one.model_dump(mode="json") for one in manifest.segments],
            "renders": [vars(one) for one in renders_of(connection, [content_id]).get(content_id, ())],
            "narration": manifest and manifest.narration and manifest.narration.model_dump(mode="json"),
            "prompts": _prompts(manifest),
            "idea": manifest and manifest.idea and manifest.idea.model_dump(mode="json"),
            "stages": {}
            if manifest is None
            else {name: one.model_dump(mode="json") for name, one in _stages(manifest)},
            "effects": [_effect(effect) for effect in ledger],
            "runs": _runs(studio, connection, row, manifest, ledger),
            "log": [_log(one) for one in _rows(connection, processing_logs, content_id)],
            "transitions": _transitions(connection, content_id),
        }
    plain: dict[str, Any] = _plain(told)
    return plain


# -- parts -----------------------------------------------------------------------------------------------------------


def _rows(connection: Connection, table: Table, content_id: str) -> list[RowMapping]:
    query = select(table).where(table.c.content_id == content_id).order_by(table.c.id)
    return list(connection.execute(query).mappings())


def _stages(manifest: Manifest) -> list[tuple[str, Any]]:
    return sorted(manifest.stages.items(), key=lambda stage: stage[1].finished_at)


def _posts(connection: Connection, row: ContentRow) -> list[dict[str, Any]]:
    snapshots: dict[int, list[dict[str, Any]]] = {}
    for one in _rows(connection, metric_snapshots, row.id):
        snapshots.setdefault(one["post_row_id"], []).append(
            {name: value for name, value in one.items() if name not in ("id", "post_row_id", "content_id")}
        )
    return [
        {
            "platform": post["platform"],
            "account": post["account"],
            "state": post["state"],
            "url": post["post_url"],
            "post_id": post["post_id"],
            "posted_at": post["posted_at"],
            "video_sha256": post["video_sha256"],
            "effect_id": post["effect_id"],
            "decision_id": post["decision_id"],
            "error": post["error_message"],
            "snapshots": snapshots.get(post["id"], []),
        }
        for post in _rows(connection, platform_posts, row.id)
    ]


def _decision(decision: RowMapping, row: ContentRow) -> dict[str, Any]:
    kept = ("id", "verdict", "revision", "video_sha256", "caption", "fields", "decided_by", "via", "note", "decided_at")
    return {
        **{name: decision[name] for name in kept},
        "is_for_the_video_there_is": decision["video_sha256"] == row.video_sha256,
    }


def _video(manifest: Manifest | None) -> dict[str, Any] | None:
    return None if manifest is None or manifest.final_video is None else manifest.final_video.model_dump(mode="json")


def _prompts(manifest: Manifest | None) -> list[dict[str, Any]]:
    if manifest is None or manifest.prompts is None:
        return []
    return [
        {"segment": number, **prompt.model_dump(mode="json")}
        for number, prompt in enumerate(manifest.prompts.prompts, start=1)
    ]


def _effect(effect: RowMapping) -> dict[str, Any]:
    return {
        "id": effect["id"],
        "kind": effect["kind"],
        "target": effect["target"],
        "sequence": effect["sequence"],
        "layer": effect["layer"],
        "model": effect["model"],
        "state": effect["state"],
        "attempts": effect["attempts"],
        "cost_usd": effect["settled_usd"] if effect["settled_usd"] is not None else effect["reserved_usd"],
        "settled": effect["settled_usd"] is not None,
        "sent_at": effect["sent_at"],
        "settled_at": effect["settled_at"],
        "run_id": effect["run_id"],
        "error": effect["error"],
        "sent": without_keys(effect["request"]),
        "handle": without_keys(effect["handle"]),
        "came_back": without_keys({k: v for k, v in effect["result"].items() if k not in _LEFT_OUT}),
    }


def _log(one: RowMapping) -> dict[str, Any]:
    kept = ("layer", "status", "started_at", "completed_at", "cost_usd", "error_message", "run_id")
    return {**{name: one[name] for name in kept}, **(one["metadata"] or {})}


def _runs(
    studio: Studio, connection: Connection, row: ContentRow, manifest: Manifest | None, ledger: Sequence[RowMapping]
) -> list[dict[str, str]]:
    """Return every run that had a hand in it, in the order in which they first appear, with what it did."""
    did: dict[str, list[str]] = {}

    def note(run_id: str | None, what: str) -> None:
        if run_id and what not in did.setdefault(run_id, []):
            did[run_id].append(what)

    for name, stage in [] if manifest is None else _stages(manifest):
        note(stage.run_id, name)
    for one in _rows(connection, processing_logs, row.id):
        note(one["run_id"], f"{one['layer']} {one['status']}")
    for effect in ledger:
        note(effect["run_id"], f"{effect['kind']} at {effect['target']}")
    for one in _rows(connection, metric_snapshots, row.id):
        note(one["run_id"], f"measured {one['platform']}")
    base = f"{studio.settings.desk_address}/dagster/runs"
    return [{"run_id": run_id, "did": ", ".join(acts), "page": f"{base}/{run_id}"} for run_id, acts in did.items()]


def _transitions(connection: Connection, content_id: str) -> list[dict[str, Any]]:
    query = (
        select(state_transitions)
        .where(state_transitions.c.entity == "content", state_transitions.c.entity_id == content_id)
        .order_by(state_transitions.c.id)
    )
    kept = ("at", "from_state", "event", "to_state", "trigger", "actor", "notes")
    return [{name: one[name] for name in kept} for one in connection.execute(query).mappings()]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
