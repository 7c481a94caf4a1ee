"""What the assets of a channel made, as tables: one small row each, from the manifests and the catalog as they are now.

Nothing is stored a second time: a table is read when somebody loads the asset, and checked when the asset is made.
Tables that a query computes are `dayreel.marts.declared`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import Text, select

from dayreel.queries.rows import ContentRow, list_contents, newest_verdicts, posts_of
from dayreel.records import Records
from dayreel.schemas.manifest import Manifest, Stage
from dayreel.schemas.mart import Column, ColumnKind, Table
from dayreel.schemas.metric import METRICS
from dayreel.stores.catalog.tables import content, metric_snapshots

_SHA256 = "regexp_full_match(sha256, '[0-9a-f]{64}')"
_COUNTED = "segment >= 1 and max(segment) over (partition by content_id) = count(*) over (partition by content_id)"
_FILE = (
    "path text: the file, below the content's folder",
    "sha256 text: of its bytes",
    "size_bytes int: of the file",
)
_MADE_BY = (
    "provider text: who made it",
    "model text: the model; null: none, as with a calendar or own footage",
    "cost_usd usd: paid for the whole stage",
    "made_at moment: when the stage was done (UTC)",
)

ReadRows = Callable[[Records, Sequence[ContentRow]], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class ContentTable(Table):
    """One table of contents; `rows` reads it for some contents, without what every table begins with."""

    rows: ReadRows


def _table(
    name: str, grain: str, key: Collection[str], rows: ReadRows, columns: Sequence[str], **checks: str
) -> ContentTable:
    common = (
        "day day: the content's day, in the channel's time zone",
        "channel text: channel",
        "content_id text: the content",
        "take int: 1, or a later take of the day",
        *columns,
        "simulated flag: true for everything of the sandbox world",
    )  # fmt: skip
    parsed = (re.fullmatch(r"(\w+) (\w+): (.+)", line) for line in common)
    return ContentTable(
        name=name, grain=grain, key=("content_id", *key), rows=rows,
        checks={"takes_count_from_one": "take >= 1", **checks}, least_rows=1,
        columns=tuple(Column(each[1], cast("ColumnKind", each[2]), each[3]) for each in parsed if each),
    )  # fmt: skip


def _of_stage(stage: Stage, read: Callable[[Manifest], list[dict[str, Any]]]) -> ReadRows:
    def rows(records: Records, contents: Sequence[ContentRow]) -> Iterator[dict[str, Any]]:
        for row in contents:
            # One whose folder is gone, or whose stage is not done, has no row.
            manifest = records.contents.manifest(row.id) if records.contents.exists(row.id) else None
            if manifest is None or (done := manifest.stages.get(stage)) is None:
                continue
            made = {
                "provider": done.provider, "model": done.model, "cost_usd": done.cost_usd, "made_at": done.finished_at,
            }  # fmt: skip
            yield from ({"content_id": row.id, **made, **each} for each in read(manifest))

    return rows


def _idea(manifest: Manifest) -> list[dict[str, Any]]:
    idea = manifest.idea
    if idea is None:
        return []
    texts = idea.model_dump(include={"topic", "idea", "caption"})
    return [{**texts, "hashtags": " ".join(idea.hashtags), "narration": idea.narration or None}]


def _prompts(manifest: Manifest) -> list[dict[str, Any]]:
    written = manifest.prompts.prompts if manifest.prompts else ()
    return [
        {"segment": number, **prompt.model_dump(), "words": len(prompt.video_prompt.split())}
        for number, prompt in enumerate(written, start=1)
    ]


def _segments(manifest: Manifest) -> list[dict[str, Any]]:
    return [
        {"segment": each.sequence, **each.file.model_dump(), **each.model_dump(exclude={"file", "sequence"})}
        for each in manifest.segments
    ]


def _narration(manifest: Manifest) -> list[dict[str, Any]]:
    track = manifest.narration
    if track is None:
        return []
    return [{**track.file.model_dump(), **track.model_dump(exclude={"file", "words"}), "words": len(track.words)}]


def _final_video(manifest: Manifest) -> list[dict[str, Any]]:
    final = manifest.final_video
    if final is None:
        return []
    failed = [check.name for check in final.checks if not check.passed]
    return [{**final.file.model_dump(), **final.model_dump(exclude={"file", "checks"}), "checks_failed": len(failed)}]


def _reviews(records: Records, contents: Sequence[ContentRow]) -> Iterator[dict[str, Any]]:
    with records.catalog.read() as connection:
        decisions = newest_verdicts(connection, [row.id for row in contents])
    for decision in decisions.values():
        yield {**vars(decision), "decision_id": decision.id}


def _posts(records: Records, contents: Sequence[ContentRow]) -> Iterator[dict[str, Any]]:
    with records.catalog.read() as connection:
        posts = posts_of(connection, [row.id for row in contents])
    yield from ({**vars(post), "post_row_id": post.id} for post in posts)


CONTENT_TABLES: Mapping[str, ContentTable] = {
    table.name: table
    for table in (
        _table(
            "ideas", "the idea of one content", (), _of_stage("ideas", _idea),
            (
                "topic text: what it is about, in two to five words", "idea text: the concept, in one or two sentences",
                "caption text: the post's text, without hashtags",
                "hashtags text: as they were written, a space between",
                "narration text: what is spoken; null: the channel does not speak", *_MADE_BY,
            ),
            texts_are_not_empty="trim(topic) <> '' and trim(idea) <> '' and trim(caption) <> ''",
            cost_is_not_negative="cost_usd >= 0",
        ),
        _table(
            "prompts", "one prompt of one content", ("segment",), _of_stage("prompts", _prompts),
            (
                "segment int: the segment it is for, from 1", "video_prompt text: what is seen",
                "audio_prompt text: what is heard", "words int: words of `video_prompt`", *_MADE_BY,
            ),
            segments_count_from_one=_COUNTED,
            texts_are_not_empty="trim(video_prompt) <> '' and trim(audio_prompt) <> ''",
            cost_is_not_negative="cost_usd >= 0",
        ),
        _table(
            "raw_segments", "one raw segment of one content", ("segment",), _of_stage("raw_segments", _segments),
            (
                "segment int: its place in the video, from 1", *_FILE, "duration_s float: seconds", "width int: pixels",
                "height int: pixels", "has_audio flag: whether it has sound",
                "request_id text: the vendor's id of the purchase; null: none, or made elsewhere",
                "seed int: what the vendor was asked for or has used; null: not known",
                "origin text: `made` here, or the producer named by a completion marker", *_MADE_BY,
            ),
            segments_count_from_one=_COUNTED,
            files_are_not_empty=f"size_bytes > 0 and {_SHA256}",
            files_differ="count(*) over (partition by content_id, path) = 1",
            pictures_have_a_size="width > 0 and height > 0 and duration_s > 0",
            cost_is_not_negative="cost_usd >= 0",
        ),
        _table(
            "narration", "the spoken track of one content", (), _of_stage("narration", _narration),
            (
                *_FILE, "duration_s float: seconds", "voice text: who speaks", "words int: words whose time is known",
                *_MADE_BY,
            ),
            file_is_not_empty=f"size_bytes > 0 and {_SHA256}", speech_has_a_length="duration_s > 0 and words >= 0",
            cost_is_not_negative="cost_usd >= 0",
        ),
        _table(
            "final_video", "the final video of one content", (), _of_stage("final_video", _final_video),
            (
                "revision int: counts up whenever the bytes change", *_FILE, "duration_s float: seconds",
                "width int: pixels", "height int: pixels", "loudness_lufs float: loudness; null: not measured",
                "true_peak_dbtp float: true peak; null: not measured",
                "mode text: `copy`, `encode` or `adopted`", "poster text: a picture of it, below the content's folder",
                "checks_failed int: checks that it does not pass, waived or not", *_MADE_BY,
            ),
            file_is_not_empty=f"size_bytes > 0 and {_SHA256}",
            picture_has_a_size="width > 0 and height > 0 and duration_s > 0", revision_counts_from_one="revision >= 1",
        ),
        _table(
            "reviews", "the newest decision on one content", (), _reviews,
            (
                "decision_id int: the decision (catalog: decisions.id)", "verdict text: what was decided",
                "revision int: of the video that was decided on", "video_sha256 text: of its bytes",
                "caption text: the text that was decided on", "decided_by text: who decided", "via text: on which face",
                "note text: why; null: nothing was said", "decided_at moment: when (UTC)",
            ),
            verdict_is_known="verdict in ('approved', 'rejected', 'edited', 'endorsed', 'held', 'recalled')",
            # A content can be held before there is a video.
            video_is_named="verdict in ('held', 'recalled')"
            " or (revision >= 1 and regexp_full_match(video_sha256, '[0-9a-f]{64}'))",
        ),
        _table(
            "posts", "one content on one platform", ("platform",), _posts,
            (
                "platform text: where", "post_row_id int: the post (catalog: platform_posts.id)",
                "account text: the account it is on", "state text: sending, processing, posted, failed or unknown",
                "post_id text: the platform's id of the post; null: not known yet",
                "post_url text: where people see it; null: not known yet",
                "video_sha256 text: of the bytes that were sent",
                "posted_at moment: when it went out (UTC); null: it is not out",
                "error_message text: what the platform said last; null: nothing",
            ),
            state_is_known="state in ('sending', 'processing', 'posted', 'failed', 'unknown')",
            posted_has_a_time="state <> 'posted' or posted_at is not null",
            video_is_named="regexp_full_match(video_sha256, '[0-9a-f]{64}')",
        ),
    )
}  # fmt: skip
"""The tables by the name of their assets: `<channel>/<name>`, and `<channel>/posts/<platform>`."""


def read_content_table(
    records: Records,
    name: str,
    *,
    channel: str | None = None,
    days: Collection[date] | None = None,
    ids: Sequence[str] | None = None,
    platform: str | None = None,
) -> Any:
    """Return a table as Arrow, for the contents of a channel, of days, or of these ids; all takes of a day.

    Raises:
        StoreError, StateError: the catalog, or a manifest, cannot be read.
    """
    from dayreel.marts.database import arrow_table  # noqa: PLC0415  DuckDB and pyarrow, only where rows are wanted

    table = CONTENT_TABLES[name]
    with records.catalog.read() as connection:
        contents = list_contents(connection, channels=[] if channel is None else [channel], ids=ids)
    chosen = {row.id: row for row in contents if days is None or row.day in days}
    kinds = {column.name: column.kind for column in table.columns}
    rows = []
    for values in table.rows(records, list(chosen.values())):
        row = chosen[values["content_id"]]
        common = {"day": row.day, "channel": row.channel, "take": row.take, "simulated": row.world == "sandbox"}
        if platform in (None, values.get("platform")):
            rows.append({**values, **common})
    return arrow_table(kinds, [tuple(row[name] for name in kinds) for row in rows]).sort_by(
        [(name, "ascending") for name in ("day", *table.key)]
    )


SNAPSHOTS = Table(
    name="engagement/snapshots", grain="one post at one moment at which its platform was asked",
    key=("post_row_id", "observed_at"), checks={}, least_rows=0,
    columns=(
        Column("day", "day", "day of the measurement, in DAYREEL_TIMEZONE"),
        Column("channel", "text", "channel of the content"),
        Column("content_id", "text", "the content that was posted"),
        Column("platform", "text", "where it was posted"),
        Column("post_row_id", "int", "the post (catalog: platform_posts.id)"),
        Column("post_id", "text", "the platform's id of the post"),
        Column("observed_at", "moment", "when the platform was asked (UTC)"),
        Column("age_h", "float", "hours since it went out"),
        *(
            Column(each.name, each.kind, f"{each.about}{' so far' if each.is_total else ''}; null: not reported")
            for each in METRICS.values()
        ),
        Column("refused", "text", "why a metric that was asked for was not reported, as JSON by metric; null: none"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)  # fmt: skip
"""What platforms reported, by the day it was observed; `engagement/daily` has the gains."""


def read_snapshots(records: Records, days: Collection[date] | None = None) -> Any:
    """Return what was measured as Arrow, a row per post and moment, in the order in which it was written.

    Raises:
        StoreError: the catalog cannot be read.
    """
    from dayreel.marts.database import arrow_table  # noqa: PLC0415

    kinds, snapshots = {column.name: column.kind for column in SNAPSHOTS.columns}, metric_snapshots.c
    of_others = {"day": snapshots.observed_on, "channel": content.c.channel, "refused": snapshots.refused.cast(Text)}
    named = {**snapshots, **of_others}
    query = (
        select(*(named[name].label(name) for name in kinds))
        .join(content, content.c.id == metric_snapshots.c.content_id)
        .order_by(metric_snapshots.c.id)
    )
    if days is not None:
        query = query.where(metric_snapshots.c.observed_on.in_(days))
    with records.catalog.read() as connection:
        return arrow_table(kinds, [tuple(row) for row in connection.execute(query)])


def content_table_of(asset: str, channels: Collection[str]) -> tuple[str, str, str | None] | None:
    """Return channel, table and platform of an asset `<channel>/<table>[/<platform>]`; None: it is another asset."""
    channel, _, path = asset.partition("/")
    name, _, platform = path.partition("/")
    known = channel in channels and name in CONTENT_TABLES and bool(platform) == (name == "posts")
    return (channel, name, platform or None) if known else None
