"""Bringing a catalog back to what stands beside the contents, and saying what nobody can know any more.

A catalog that is older than the copies, or new beside old contents, holds everything that is bought or posted
(`queries.holds`). Here the copies are taken over; when they account for every send that was counted, the
hold ends by itself. What is missing after that may have been sent to anybody: each platform and each video vendor is
held until it was searched (`services.upkeep.search_accounts`), or a person has looked there (`release`).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from dayreel.clock import local_day
from dayreel.errors import ConfigurationError, UsageError
from dayreel.queries.holds import Holds, VendorHold, holds
from dayreel.schemas.channel import Channel
from dayreel.schemas.manifest import Manifest
from dayreel.services.audit import note_act
from dayreel.services.making.stages import LAYERS
from dayreel.services.project import Project
from dayreel.stores.catalog.epoch import begin_epoch, known_sends
from dayreel.stores.catalog.tables import content, effects, epoch_holds
from dayreel.vendors.registry import vendor_named


@dataclass(frozen=True)
class Recovered:
    """What was brought back.

    Attributes:
        adopted: contents whose copy was ahead of the catalog.
        from_manifest: contents that have no copy: their video, words and costs are back, who decided what is not.
        sends: how many acts are known now; `missing` more were counted and are known to nobody.
        holds: who is held until their list was searched, or a person has looked there.
    """

    adopted: tuple[str, ...]
    from_manifest: tuple[str, ...]
    sends: int
    missing: int
    holds: tuple[VendorHold, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**vars(self), "holds": [vars(hold) for hold in self.holds]}

    def sentences(self) -> list[str]:
        """Return it for people, with the share of acts that take a person's word."""
        counted = self.sends + self.missing
        share = 100 * self.missing / counted if counted else 0
        lines = [
            f"Contents brought back: {len(self.adopted)} from copies, {len(self.from_manifest)} from manifests alone.",
            f"{self.sends} of {counted} acts are accounted for; {self.missing} ({share:.1f} %) take a person's word.",
        ]
        return lines + Holds(is_of_other_time=False, vendors=self.holds).sentences()


def recover(
    project: Project,
    *,
    reason: str = "found to be of another time",
    force: bool = False,
    after_restore: bool = False,
) -> Recovered | None:
    """Take over what stands beside the contents; None where the catalog is of this time.

    Args:
        force: look at every content even so.
        after_restore: acts may be missing even where nothing beside the contents counts them.

    Raises:
        StoreError, StateError: the catalog or a manifest cannot be used; what was taken over stays.
    """
    if not force and not holds(project).is_of_other_time:
        return None
    outside = project.copies.epoch()
    # First what belongs to no content, so that caps, pauses and the kill switch are those that people set last.
    project.copies.adopt_project()
    adopted, from_manifest = [], []
    for content_id in project.contents.content_ids():
        if project.copies.adopt(content_id):
            adopted.append(content_id)
        elif project.contents.exists(content_id) and not _is_known(project, content_id):
            _put_manifest(project, project.contents.manifest(content_id))
            from_manifest.append(content_id)
    with project.catalog.write("money") as connection:
        sends = known_sends(connection)
        # What only a manifest is left of may have been sent to anybody since.
        missing = max(0, (outside.sends if outside else 0) - sends, len(from_manifest))
        begin_epoch(connection, reason, at=project.clock.now())
        if missing:
            _hold(project, connection, missing, f"{missing} acts were sent that are in neither catalog nor copies")
        elif after_restore and outside is None:
            _hold(project, connection, 0, "nothing beside the contents counts what was sent since that backup")
    project.copies.write_project(restart=True)
    return Recovered(tuple(adopted), tuple(from_manifest), sends, missing, holds(project).vendors)


def release(project: Project, target: str, *, by: str, note: str | None = None, via: str = "cli") -> None:
    """Say that a vendor was looked at, and that the catalog knows all that happened there.

    Raises:
        UsageError: nothing is held there.
    """
    now = project.clock.now()
    with project.catalog.write("money") as connection:
        released = connection.execute(
            update(epoch_holds)
            .where(epoch_holds.c.target == target, epoch_holds.c.released_at.is_(None))
            .values(released_at=now, released_by=by, evidence=note)
        )
        if released.rowcount == 0:
            held = ", ".join(hold.target for hold in holds(project).vendors) or "nothing"
            raise UsageError(f"Nothing is held at {target!r}.", next_step=f"Held now: {held}.")
        note_act(connection, "release a hold", target, actor=by, at=now, via=via, detail={"note": note})


def _hold(project: Project, connection: Connection, missing: int, reason: str) -> None:
    now = project.clock.now()
    held = set(connection.execute(select(epoch_holds.c.target).where(epoch_holds.c.released_at.is_(None))).scalars())
    for target in sorted(_targets(project, connection) - held):
        values: dict[str, Any] = {"target": target, "reason": reason, "missing": missing, "since_at": now}
        connection.execute(insert(epoch_holds).values(**values))


def _targets(project: Project, connection: Connection) -> set[str]:
    """Return every platform, video vendor and billed voice that may have got something; not those of people's hands."""
    channels = [channel for name in project.channels.names() if (channel := _channel(project, name)) is not None]
    ours = effects.c.kind.in_(("post", "segment", "narration"))
    named = set(connection.execute(select(effects.c.target).where(ours).distinct()).scalars())
    named |= {str(platform) for channel in channels for platform in channel.platforms.chosen()}
    named |= {channel.video.provider for channel in channels}
    named |= {voice.provider for channel in channels if channel.narration for voice in channel.narration.voices}
    return {target for target in named if not _is_harmless(target)}


def _is_harmless(target: str) -> bool:
    if target == "clips":
        return True  # own footage is cut here
    try:
        vendor = vendor_named(target)
    except (UsageError, ConfigurationError):
        return False  # it was uninstalled since, or cannot be used
    return vendor.free or (vendor.platform is not None and vendor.platform.by_hand)


def _channel(project: Project, name: str) -> Channel | None:
    try:
        return project.channels.load(name)
    except ConfigurationError:
        return None


def _is_known(project: Project, content_id: str) -> bool:
    with project.catalog.read() as connection:
        return connection.execute(select(content.c.id).where(content.c.id == content_id)).scalar() is not None


# -- a content of which only the manifest is left, made before there were copies ---------------------------------------


def _put_manifest(project: Project, manifest: Manifest) -> None:
    """Write the rows that a manifest can vouch for: the content with its words and video, and what its stages cost."""
    idea, final = manifest.idea, manifest.final_video
    channel = _channel(project, manifest.channel)
    now = project.clock.now()
    with project.catalog.write("money") as connection:
        connection.execute(
            insert(content).values(
                id=manifest.content_id,
                channel=manifest.channel,
                day=manifest.day,
                take=manifest.take,
                world=manifest.world,
                state="pending" if final is None else "review_pending",
                version=1,
                revision=0 if final is None else final.revision,
                idea=None if idea is None else idea.idea,
                topic=None if idea is None else idea.topic,
                caption=None if idea is None else idea.caption,
                video_sha256=None if final is None else final.file.sha256,
                final_video_path=None if final is None else f"{manifest.content_id}/{final.file.path}",
                storage_path=manifest.content_id,
                review_deadline_at=None
                if final is None or channel is None
                else now + timedelta(hours=channel.review.timeout_h),
                completed_at=None if final is None else final.made_at,
                created_at=manifest.created_at,
                updated_at=now,
            )
        )
        for name, stage in manifest.stages.items():
            if not stage.cost_usd:
                continue
            connection.execute(
                insert(effects).values(
                    content_id=manifest.content_id,
                    kind={"raw_segments": "segment", "narration": "narration"}.get(name, "llm"),
                    target=stage.provider,
                    sequence=1,
                    fingerprint=f"manifest:{name}",
                    channel=manifest.channel,
                    day=manifest.day,
                    layer=LAYERS[name],
                    model=stage.model,
                    world=manifest.world,
                    state="confirmed",
                    attempts=max(1, len(stage.effect_ids)),
                    request={},
                    handle={},
                    # No answer to use again is in it: `dayreel retry` must not set it aside a second time.
                    result={"from_manifest": True, "set_aside": True},
                    reserved_usd=stage.cost_usd,
                    settled_usd=stage.cost_usd,
                    spent_on=local_day(stage.finished_at, project.settings.timezone),
                    run_id=stage.run_id,
                    created_at=stage.finished_at,
                    sent_at=stage.finished_at,
                    settled_at=stage.finished_at,
                )
            )
