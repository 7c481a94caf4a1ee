"""Finding completion markers that nobody has acted on yet. Reads small files and the catalog, changes nothing.

Only where a marker could still be taken over is looked: contents on their way to a review, and the last days of every
channel. So a look costs the same after ten years.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from dayreel.clock import local_day
from dayreel.errors import ConfigurationError
from dayreel.rules.content_ids import ContentId
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.flags import why_nothing_starts
from dayreel.rules.lifecycle import WORKING
from dayreel.rules.markers import SUFFIX
from dayreel.schemas.channel import Channel
from dayreel.services.making.adopt_marker import Markers, read_markers
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content

OPEN_STATES = (*WORKING, "failed", "review_pending")
MOST_CONTENTS = 200
OPEN_DAYS = 60
DAYS_BACK = 7


@dataclass(frozen=True)
class ReadyMarker:
    """A stage that was made elsewhere and may be taken over.

    Attributes:
        digest: hash of what the markers say; a new file is a new digest.
        assets: which of the channel's assets are to be materialized now, in order: the adopted one and those after it.
    """

    content_id: str
    channel: str
    day: date
    stage: str
    producer: str
    digest: str
    assets: tuple[str, ...]


@dataclass(frozen=True)
class NewMarkers:
    """What is new since `seen`, those that are left alone (each named once), and what to remember."""

    ready: list[ReadyMarker]
    left_alone: list[str]
    seen: dict[str, str]


def new_markers(project: Project, seen: Mapping[str, str], *, days: Container[str]) -> NewMarkers:
    """Return the markers whose meaning has changed since `seen`, which is what an earlier look returned.

    Args:
        days: the partition keys that exist.
    """
    stopped = why_nothing_starts(project.settings)
    if stopped is not None:
        return NewMarkers([], [stopped], dict(seen))
    ready: list[ReadyMarker] = []
    left_alone: list[str] = []
    now_seen: dict[str, str] = {}
    channels: dict[str, Channel] = {}
    for content_id, name, day in _places(project):
        if not _has_markers(project, content_id) or day.isoformat() not in days:
            continue
        try:
            channel = channels.get(name) or project.channels.load(name)
        except ConfigurationError:
            continue  # a channel file that cannot be read is reported by `dayreel channels validate`, and at every run
        channels[name] = channel
        markers = read_markers(project, channel, content_id)
        digest = fingerprint(
            usable={str(name): marker for name, marker in markers.usable.items()}, left_alone=dict(markers.left_alone)
        )
        now_seen[content_id] = digest[:16]
        if seen.get(content_id) == digest[:16]:
            continue
        left_alone += [f"{content_id}/.pipeline/{file}: {reason}" for file, reason in markers.left_alone.items()]
        marked = _ready(project, channel, content_id, day, markers)
        if marked is not None:
            ready.append(marked)
        elif markers.usable:
            left_alone.append(f"{content_id}: {len(markers.usable)} of {channel.segments.count} segments are marked")
    return NewMarkers(ready, left_alone, now_seen)


def _has_markers(project: Project, content_id: str) -> bool:
    """Return whether there is anything to read; nearly always not, and then nothing else is asked."""
    try:
        return any(path.suffix == SUFFIX for path in (project.contents.folder(content_id) / ".pipeline").iterdir())
    except OSError:
        return False


def _places(project: Project) -> list[tuple[str, str, date]]:
    """Return (content id, channel, day) of every content that could take something over, newest day first."""
    today = local_day(project.clock.now(), project.settings.timezone)
    query = (
        select(content.c.id, content.c.channel, content.c.day)
        .where(content.c.state.in_(OPEN_STATES), content.c.day > today - timedelta(days=OPEN_DAYS))
        .order_by(content.c.day.desc())
        .limit(MOST_CONTENTS)
    )
    names = project.channels.names()
    with project.catalog.read() as connection:
        places = {row.id: (row.id, row.channel, row.day) for row in connection.execute(query) if row.channel in names}
        recent = [today - timedelta(days=back) for back in range(-1, DAYS_BACK)]
        ids = {str(ContentId(name, day)): (name, day) for name in names for day in recent}
        known = set(connection.execute(select(content.c.id).where(content.c.id.in_(ids))).scalars())
    # A day that nobody has begun here: its producer made the folder.
    places |= {content_id: (content_id, *ids[content_id]) for content_id in ids if content_id not in known}
    return sorted(places.values(), key=lambda place: (place[2], place[0]), reverse=True)


def _ready(project: Project, channel: Channel, content_id: str, day: date, markers: Markers) -> ReadyMarker | None:
    segments = markers.segments(channel.segments)
    if markers.final is not None:
        made, stage, assets = [markers.final], "final_video", ["final_video"]
    elif segments:
        made, stage, assets = segments, "raw_segments", [*_missing(project, channel, content_id), "final_video"]
    else:
        return None
    return ReadyMarker(
        content_id=content_id,
        channel=channel.name,
        day=day,
        stage=stage,
        producer=", ".join(sorted({marker.producer for marker in made})),
        digest=fingerprint(made=made)[:16],
        assets=tuple(assets),
    )


def _missing(project: Project, channel: Channel, content_id: str) -> list[str]:
    """Return what must be made around adopted segments: the idea and the narration, where they are not there yet."""
    manifest = project.contents.manifest(content_id) if project.contents.exists(content_id) else None
    if manifest is None or manifest.idea is None:
        prompts = ["prompts"] if channel.prompts is not None else []
        return ["ideas", *prompts, *(["narration"] if channel.narration else []), "raw_segments"]
    needs_voice = channel.narration is not None and manifest.narration is None
    return [*(["narration"] if needs_voice else []), "raw_segments"]
