"""The JSON documents that `--json` promises, made from what the queries return. Their keys are a contract."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dayreel.cli.output import print_json, print_table
from dayreel.queries.contents import ContentStatus, PostStatus
from dayreel.queries.unknown_outcomes import UnknownOutcome
from dayreel.schemas.effect import NO_CONTENT

if TYPE_CHECKING:
    from dayreel.queries.review import PlatformWords
    from dayreel.rules.quality import JudgedCheck
    from dayreel.services.upkeep.morning_message import Morning


def content_document(status: ContentStatus) -> dict[str, Any]:
    """Return where one content stands."""
    row = status.row
    return {
        "content_id": row.id,
        "channel": row.channel,
        "date": row.day.isoformat(),
        "take": row.take,
        "state": row.state,
        "standing": status.standing,
        "world": row.world,
        "revision": row.revision,
        "cost_usd": f"{status.cost_usd:.4f}",
        "cost_by_layer_usd": {layer: str(usd) for layer, usd in status.costs},
        "idea": row.idea,
        "caption": row.caption,
        "final_video": row.final_video_path,
        "review": _review(status),
        "posts": {post.platform: _post(post) for post in status.posts},
        "unknown": [unknown_document(outcome) for outcome in status.unknown],
        "error": row.error,
        "next": status.next_step,
    }


def morning_document(morning: "Morning", text: str) -> dict[str, Any]:
    """Return the morning's message and what it counts."""
    shares = {"videos": morning.videos, "posts": morning.posts, "measured": morning.measured}
    return {
        "date": morning.day.isoformat(),
        "since": morning.since,
        "well": not morning.missing,
        "text": text,
        **{name: vars(share) for name, share in shares.items()},
        "measured_on": morning.measured_on,
        "days": [vars(day) for day in morning.days],
        "missing": [vars(silence) for silence in morning.missing],
        "waiting": morning.waiting,
        "making": morning.making,
        "backfills": [{**vars(backfill), "share": vars(backfill.share)} for backfill in morning.backfills],
        "paused": morning.paused,
        "spent_usd": morning.spent_usd,
        "caps": [vars(cap) for cap in morning.caps],
    }


def print_contents(documents: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print these documents of contents, or as a table how each stands, with its video and the command to type next."""
    if as_json:
        print_json(documents)
    elif documents:
        print_table(
            ("content", "standing", "cost", "video", "next"),
            [
                (
                    document["content_id"],
                    document["standing"],
                    f"${document['cost_usd']}",
                    document["final_video"] and f"content/{document['final_video']}",
                    document["next"],
                )
                for document in documents
            ],
        )


def words_document(words: "PlatformWords") -> dict[str, Any]:
    """Return everything that one platform gets besides the video; an approval is for all of it."""
    return {
        "title": words.title,
        "text": words.text,
        "settings": dict(words.settings),
        "dropped_hashtags": list(words.dropped_hashtags),
        "problem": words.problem,
    }


def words_lines(words: "PlatformWords") -> list[str]:
    """Return everything that one platform gets besides the video, as lines for people."""
    lines = [*([f"title: {words.title}"] if words.title else []), *words.text.splitlines(), f"({words.settings_text})"]
    if words.dropped_hashtags:
        lines.append(f"left out, because there is no room: {' '.join(words.dropped_hashtags)}")
    return [*lines, f"CANNOT BE SENT: {words.problem}"] if words.problem else lines


def check_document(check: "JudgedCheck") -> dict[str, Any]:
    """Return one check of a final video, and the waiver that covers it; `FAILED` keeps it from being approved."""
    waiver = check.waiver
    document = {
        "name": check.name,
        "verdict": check.verdict,
        "value": check.result.value,
        "expected": check.result.expected,
    }
    return document if waiver is None else document | {"waived_by": waiver.waived_by, "reason": waiver.reason}


def no_content_document(unknown: Sequence[UnknownOutcome]) -> dict[str, Any]:
    """Return the document of the acts about no content whose outcome is not known: the same keys, nothing in them."""
    about = ("channel", "date", "take", "state", "standing", "world", "revision")
    keys = (*about, "idea", "caption", "final_video", "error")
    reserved = sum(outcome.reserved_usd for outcome in unknown)
    return {
        "content_id": NO_CONTENT,
        **dict.fromkeys(keys),
        "cost_usd": f"{reserved:.4f}",
        "cost_by_layer_usd": {},
        "review": {"deadline_at": None, "verdict": None},
        "posts": {},
        "unknown": [unknown_document(outcome) for outcome in unknown],
        "next": "dayreel reconcile",
    }


def unknown_document(outcome: UnknownOutcome) -> dict[str, Any]:
    """Return one act whose outcome is not known."""
    return {
        "effect_id": outcome.effect_id,
        "kind": outcome.kind,
        "target": outcome.target,
        "sequence": outcome.sequence,
        "reserved_usd": str(outcome.reserved_usd),
        "error": outcome.evidence,
        "next": outcome.next_step,
    }


def _post(post: PostStatus) -> dict[str, Any]:
    """Return one post; whatever is not over yet says since when."""
    document: dict[str, Any] = {"state": post.state, "url": post.url, "post_id": post.post_id}
    if post.is_unnamed:
        document["public_id"] = "pending"
    if post.since is not None:
        document["since"] = post.since.isoformat(timespec="seconds")
    if post.error:
        document["error"] = post.error
    return document


def _review(status: ContentStatus) -> dict[str, Any]:
    deadline, newest = status.row.review_deadline_at, status.newest
    document: dict[str, Any] = {
        "deadline_at": deadline.isoformat(timespec="seconds") if deadline else None,
        "verdict": None,
    }
    if newest is not None:
        document |= {
            "verdict": newest.verdict,
            "by": newest.decided_by,
            "via": newest.via,
            "at": newest.decided_at.isoformat(timespec="seconds"),
            "revision": newest.revision,
            "note": newest.note,
        }
    return document
