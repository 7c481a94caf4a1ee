"""Rows as the catalog has them, written straight into its tables, for tests that begin where something has happened.

Whatever a test does not name has a good default. Rows that are a test's very subject (migrations, the schema) and those
of a single test stand in that test.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, insert

from dayreel.rules.content_ids import parse_content_id
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import content, decisions, effects, platform_posts
from tests.fakes.clock import NINE

CONTENT_ID = "crafts-2026-11-20"


def add_content(
    catalog: Catalog, content_id: str = CONTENT_ID, state: str = "pending", *, at: datetime = NINE, **columns: Any
) -> str:
    """Write a content that was begun in the sandbox world; its id says channel, day and take. Returns the id."""
    parts = parse_content_id(content_id)
    row = {"id": content_id, "channel": parts.channel, "day": parts.day, "take": parts.take, "storage_path": content_id}
    _add(catalog, content, row, {"world": "sandbox", "state": state, "created_at": at, "updated_at": at}, columns)
    return content_id


def add_effect(catalog: Catalog, content_id: str = CONTENT_ID, *, at: datetime = NINE, **columns: Any) -> int:
    """Write an act into the ledger, by default the purchase of a segment whose answer was lost; returns its number."""
    parts = parse_content_id(content_id)
    whose = {"content_id": content_id, "channel": parts.channel, "day": parts.day, "spent_on": parts.day}
    what = {"kind": "segment", "target": "fal", "sequence": 1, "fingerprint": "f", "layer": "video"}
    documents = {"request": {"prompt": "a jar rises", "model": "wan"}, "handle": {}, "result": {}}
    how = {"state": "unknown", "error": "the answer was lost: connection reset"}
    rest = {"world": "sandbox", "reserved_usd": Decimal("0.25"), "created_at": at, "sent_at": at}
    return int(_add(catalog, effects, whose, what, documents, how, rest, columns))


def add_decision(catalog: Catalog, content_id: str = CONTENT_ID, *, at: datetime = NINE, **columns: Any) -> int:
    """Write that a person approved a content's first revision; returns the decision's number."""
    what = {"content_id": content_id, "verdict": "approved", "revision": 1, "video_sha256": "0" * 64}
    words = {"caption": "words", "fields": {}}
    whose = {"decided_by": "ben", "via": "desk", "decided_at": at}
    return int(_add(catalog, decisions, what, words, whose, columns))


def add_post(
    catalog: Catalog, content_id: str, number: int, platform: str = "instagram", *, at: datetime = NINE
) -> str:
    """Write a content that was posted, as post `p<number>`, with all that belongs to it; returns the content's id."""
    add_content(catalog, content_id, "posted", at=at, idea=f"Idea number {number}")
    act = {"kind": "post", "target": platform, "layer": "distribution", "state": "confirmed", "error": None}
    add_effect(catalog, content_id, at=at, id=number, **act, reserved_usd=0, spent_on=None)
    add_decision(catalog, content_id, at=at, id=number)
    post = {"id": number, "content_id": content_id, "platform": platform, "account": "a", "post_id": f"p{number}"}
    proof = {"effect_id": number, "decision_id": number, "video_sha256": "0" * 64}
    moments = {"posted_at": at, "posted_on": parse_content_id(content_id).day, "updated_at": at}
    _add(catalog, platform_posts, post, proof, moments, {"state": "posted"})
    return content_id


def add_try(catalog: Catalog, content_id: str, *, state: str, effect: str, error: str | None = None) -> str:
    """Write a content that is going out, with one post in this state by an act in that one; returns its id."""
    add_content(catalog, content_id, "publishing")
    act: dict[str, Any] = {"kind": "post", "target": "instagram", "layer": "distribution", "state": effect}
    number = add_effect(catalog, content_id, **act, error=error, reserved_usd=0, spent_on=None)
    decision = add_decision(catalog, content_id)
    post = {"content_id": content_id, "platform": "instagram", "account": "a", "effect_id": number}
    proof = {"decision_id": decision, "video_sha256": "0" * 64, "updated_at": NINE}
    _add(catalog, platform_posts, post, proof, {"state": state, "error_message": error})
    return content_id


def _add(catalog: Catalog, table: Table, *parts: Mapping[str, Any]) -> Any:
    """Insert one row, made of parts of which the later ones win; return its key."""
    row = {name: value for part in parts for name, value in part.items()}
    with catalog.write() as connection:
        (key,) = connection.execute(insert(table).values(row)).inserted_primary_key or (None,)
    return key
