"""The assets of one channel, from its YAML: one video a day, from idea to post.

    ideas → prompts → raw_segments ┐
      └──── narration ─────────────┴→ final_video → reviews → posts/<platform>

Only what the channel uses is there: no prompts for own footage, no narration for a silent channel, no post where it
does not publish. See https://docs.dagster.io/guides/build/assets. What an asset does is a service of `dayreel`.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from dayreel.queries.rows import costs_of, get_content
from dayreel.schemas.channel import Channel, Platform
from dayreel.services.making.adopt_marker import take_over
from dayreel.services.making.check_texts import IDEA_CHECKS, PROMPT_CHECKS, check_idea, check_prompts
from dayreel.services.making.compose_video import CHECKS as VIDEO_CHECKS
from dayreel.services.making.compose_video import compose_video
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.narrate import narrate
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.request_review import notify_reviewers
from dayreel.services.reviewing.review_cards import redraw_cards
from dayreel.services.reviewing.review_status import need_decision
from pipeline_assets.metadata import (
    at_desk,
    check_results,
    files,
    kept_at,
    not_made_here,
    previews,
    runbook,
    seconds_per_stage,
    stage_metadata,
    table,
)
from pipeline_assets.partitions import FILED_FOOTAGE
from pipeline_assets.steps import room_of

OWNER = "team:content"
# A channel is made every day; two hours of grace for the queue and the vendors.
FRESH_FOR = timedelta(hours=26)


def build_channel_assets(channel: Channel, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return the assets of one channel, in the order in which they are made."""
    build = _Build(channel, partitions)
    assets = [build.ideas()]
    if channel.prompts is not None:
        assets.append(build.prompts())
    assets.append(build.raw_segments())
    if channel.narration is not None:
        assets.append(build.narration())
    assets += [build.final_video(), build.reviews()]
    return assets + [build.post(platform) for platform in channel.platforms.chosen()]


def asset_key(channel: str, *path: str) -> dg.AssetKey:
    """Return the key of one of a channel's assets."""
    return dg.AssetKey([channel, *path])


def day_of(context: dg.AssetExecutionContext) -> date:
    """Return the day of the step's partition."""
    return date.fromisoformat(context.partition_key)


class _Build:
    """What the assets of one channel have in common."""

    def __init__(self, channel: Channel, partitions: dg.DailyPartitionsDefinition) -> None:
        self.channel = channel
        self.partitions = partitions

    def key(self, *path: str) -> dg.AssetKey:
        return asset_key(self.channel.name, *path)

    def asset(
        self, *path: str, deps: Sequence[dg.AssetKey | dg.AssetDep], needs: set[str], **more: Any
    ) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """Return Dagster's asset decorator with what every asset of a channel has."""
        decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
            key=self.key(*path),
            deps=deps,
            partitions_def=self.partitions,
            group_name=self.channel.name,
            owners=[OWNER],
            tags={"channel": self.channel.name},
            required_resource_keys={"studio", *needs},
            **more,
        )
        return decorator

    def specs(self, names: tuple[str, ...], *path: str) -> list[dg.AssetCheckSpec]:
        return [dg.AssetCheckSpec(name, asset=self.key(*path)) for name in names]

    def ideas(self) -> dg.AssetsDefinition:
        channel, key = self.channel, self.key("ideas")
        vendor = None if channel.ideas.provider == "calendar" else channel.ideas.provider

        @self.asset(
            "ideas",
            deps=[],
            needs={vendor} if vendor else set(),
            kinds={channel.ideas.provider},
            code_version="1",
            check_specs=self.specs(IDEA_CHECKS, "ideas"),
            description=f"The day's idea of this channel: {_source(channel.ideas.provider, channel.ideas.model)}. "
            "Refused and asked again when it resembles one of the last "
            f"{channel.ideas.avoid_days} days. {runbook('how-to/channels')}",
        )
        def ideas(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with room_of(context) as room:
                model = getattr(context.resources, vendor).open(room) if vendor else None
                made = take_over(room, channel, day_of(context), "ideas") or make_idea(
                    room, channel, day_of(context), model=model
                )
                checks = check_idea(room, channel, made.manifest)
                shown = stage_metadata(made, room)
            idea = made.manifest.idea
            return dg.MaterializeResult(
                data_version=dg.DataVersion(made.record.fingerprint),
                check_results=check_results(checks, key),
                metadata=dict(
                    shown,
                    idea=dg.MetadataValue.text(idea.idea if idea else ""),
                    caption=dg.MetadataValue.text(idea.caption if idea else ""),
                    topic=dg.MetadataValue.text(idea.topic if idea else ""),
                ),
            )

        return ideas

    def prompts(self) -> dg.AssetsDefinition:
        channel, key = self.channel, self.key("prompts")
        assert channel.prompts is not None  # noqa: S101  the caller has looked
        vendor = channel.prompts.provider

        @self.asset(
            "prompts",
            deps=[self.key("ideas")],
            needs={vendor},
            kinds={vendor},
            code_version="1",
            check_specs=self.specs(PROMPT_CHECKS, "prompts"),
            description=f"{channel.segments.count} prompts that follow one another, 100 to 200 words each, with sound: "
            f"{_source(vendor, channel.prompts.model)}. {runbook('how-to/channels')}",
        )
        def prompts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with room_of(context) as room:
                model = getattr(context.resources, vendor).open(room)
                made = take_over(room, channel, day_of(context), "prompts") or write_prompts(
                    room, channel, day_of(context), model=model
                )
                shown = stage_metadata(made, room)
            written = made.manifest.prompts.prompts if made.manifest.prompts else ()
            checked = check_results(check_prompts(channel, made.manifest), key)
            return dg.MaterializeResult(
                data_version=dg.DataVersion(made.record.fingerprint),
                check_results=checked or not_made_here(PROMPT_CHECKS, key),
                metadata=dict(
                    shown,
                    prompts=table(
                        [{"segment": number, **prompt.model_dump()} for number, prompt in enumerate(written, start=1)]
                    ),
                ),
            )

        return prompts

    def _footage(self) -> list[dg.AssetDep]:
        """Return the library, for a channel that cuts from it: which items a day was cut from is in its metadata."""
        return [FILED_FOOTAGE] if self.channel.video.library else []

    def raw_segments(self) -> dg.AssetsDefinition:
        channel, vendor = self.channel, self.channel.video.provider
        upstream = "ideas" if channel.prompts is None else "prompts"

        @self.asset(
            "raw_segments",
            deps=[self.key(upstream), *self._footage()],
            needs={vendor},
            kinds={vendor},
            pool=f"segments_{vendor}",
            code_version="1",
            description=f"{channel.segments.count} raw segments of {channel.segments.duration_s} s, "
            f"{channel.segments.resolution}, 9:16: {_source(vendor, channel.video.model)}. All at once; a request that "
            f"was bought is never bought again. {runbook('explanation/effects')}",
        )
        def raw_segments(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with room_of(context) as room:
                source = getattr(context.resources, vendor).open(room)
                made = take_over(room, channel, day_of(context), "raw_segments") or render_segments(
                    room, channel, day_of(context), source=source
                )
                cut = made.manifest.segments
                shown = previews(room, made.content_id, [one.file for one in cut]) | stage_metadata(made, room)
            segments = [segment.model_dump(exclude={"file"}) | segment.file.model_dump() for segment in cut]
            return dg.MaterializeResult(
                data_version=dg.DataVersion(made.record.fingerprint),
                metadata=dict(
                    shown,
                    segments=table(segments),
                    segments_made=dg.MetadataValue.int(len(segments)),
                    footage_s=dg.MetadataValue.float(sum(one.duration_s for one in cut)),
                ),
            )

        return raw_segments

    def narration(self) -> dg.AssetsDefinition:
        channel = self.channel
        assert channel.narration is not None  # noqa: S101  the caller has looked
        vendor = channel.narration.provider

        @self.asset(
            "narration",
            deps=[self.key("ideas")],
            needs={vendor},
            kinds={vendor},
            code_version="1",
            description=f"The idea's narration, spoken by {channel.narration.voice} ({vendor}), with the time of each "
            f"word. {runbook('how-to/channels')}",
        )
        def narration(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with room_of(context) as room:
                speech = getattr(context.resources, vendor).open(room)
                made = take_over(room, channel, day_of(context), "narration") or narrate(
                    room, channel, day_of(context), speech=speech
                )
                shown = stage_metadata(made, room)
                track = made.manifest.narration
                if track is not None:
                    shown |= {"spoken_s": track.duration_s, **files(made.content_id, file=track.file.path)}
            return dg.MaterializeResult(data_version=dg.DataVersion(made.record.fingerprint), metadata=shown)

        return narration

    def final_video(self) -> dg.AssetsDefinition:
        channel, key = self.channel, self.key("final_video")
        parts = [self.key("raw_segments")]
        if channel.narration is not None:
            parts.append(self.key("narration"))

        @self.asset(
            "final_video",
            deps=parts,
            needs={"notifier"},
            kinds={"ffmpeg"},
            pool="compose",
            freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_FOR),
            code_version="1",
            check_specs=self.specs(VIDEO_CHECKS, "final_video"),
            description=f"The finished video: {channel.segments.total_s} s, 9:16, "
            f"{channel.brand.loudness_lufs:.0f} LUFS. Making it opens its review. {runbook('explanation/media')}",
        )
        def final_video(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with room_of(context) as room:
                made = take_over(room, channel, day_of(context), "final_video") or compose_video(
                    room, channel, day_of(context)
                )
                with room.catalog.read() as connection:
                    row = get_content(connection, made.content_id)
                    spent_usd = costs_of(connection, [row.id]).get(row.id, {})
                told = "already in review"
                if row.state == "review_pending":
                    told = notify_reviewers(room, channel, row, notifier=context.resources.notifier.open(room))
                final = made.manifest.final_video
                assert final is not None  # noqa: S101  a finished stage has it
                shown = previews(room, made.content_id, [final.file])
                shown |= files(made.content_id, video=final.file.path, contact_sheet=final.contact_sheet)
                shown["kept_at"] = kept_at(room, made.content_id, final.file.path)
                shown |= stage_metadata(made, room)
            return dg.MaterializeResult(
                data_version=dg.DataVersion(final.file.sha256),
                check_results=check_results(final.checks, key),
                metadata=dict(
                    shown,
                    content_cost_usd=dg.MetadataValue.float(float(sum(spent_usd.values()))),
                    cost_by_layer_usd=table([{"layer": layer, "usd": usd} for layer, usd in spent_usd.items()]),
                    **seconds_per_stage(made.manifest),
                    sha256=dg.MetadataValue.text(final.file.sha256),
                    revision=dg.MetadataValue.int(final.revision),
                    video_s=dg.MetadataValue.float(final.duration_s),
                    size_bytes=dg.MetadataValue.int(final.file.size_bytes),
                    loudness_lufs=dg.MetadataValue.float(final.loudness_lufs or 0.0),
                    mode=dg.MetadataValue.text(final.mode),
                    checks=table([check.model_dump() for check in final.checks]),
                    reviewers=dg.MetadataValue.text(told),
                    next_step=dg.MetadataValue.text(f"dayreel review approve {made.content_id}"),
                ),
            )

        return final_video

    def reviews(self) -> dg.AssetsDefinition:
        channel = self.channel

        @self.asset(
            "reviews",
            deps=[self.key("final_video")],
            needs=set(),
            kinds={"person"},
            code_version="1",
            description="What people decided about the final video: the newest decision, by whom, on which bytes. A "
            f"decision is a row in the catalog; a sensor turns it into this. {runbook('how-to/review')}",
        )
        def reviews(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with room_of(context) as room:
                decision = need_decision(room, channel, day_of(context))
                left = redraw_cards(room, decision.content_id)
                trigger = room.actor
            return dg.MaterializeResult(
                data_version=dg.DataVersion(f"{decision.id}:{decision.verdict}"),
                tags={"verdict": decision.verdict},
                metadata={
                    "trigger": dg.MetadataValue.text(trigger),
                    "content_id": dg.MetadataValue.text(decision.content_id),
                    "desk": at_desk(decision.content_id),
                    "decision_id": dg.MetadataValue.int(decision.id),
                    "verdict": dg.MetadataValue.text(decision.verdict),
                    "decided_by": dg.MetadataValue.text(decision.decided_by),
                    "via": dg.MetadataValue.text(decision.via),
                    "decided_at": dg.MetadataValue.timestamp(decision.decided_at),
                    "revision": dg.MetadataValue.int(decision.revision),
                    "video_sha256": dg.MetadataValue.text(decision.video_sha256),
                    "note": dg.MetadataValue.text(decision.note or ""),
                    "messages": dg.MetadataValue.text("; ".join(left) or "show it"),
                },
            )

        return reviews

    def post(self, platform: Platform) -> dg.AssetsDefinition:
        channel = self.channel

        @self.asset(
            "posts",
            platform,
            deps=[self.key("reviews")],  # a review is of exact bytes, so the video is upstream through it
            needs={platform},
            kinds={platform},
            pool=f"post_{platform}",
            code_version="1",
            description=f"The post on {platform}: at most one, and only of exactly what was approved. Materializing it "
            f"again changes nothing. {runbook('how-to/publishing')}",
        )
        def post(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with room_of(context) as room:
                content_id = need_decision(room, channel, day_of(context)).content_id
                provider = getattr(context.resources, platform).open(room)
                posted = publish_post(room, channel, content_id, platform, provider=provider)
                trigger = room.actor
            metadata: dict[str, Any] = {
                "trigger": dg.MetadataValue.text(trigger),
                "content_id": dg.MetadataValue.text(content_id),
                "desk": at_desk(content_id),
                "state": dg.MetadataValue.text(posted.state),
                "post_id": dg.MetadataValue.text(posted.post_id or "not known yet"),
                "approved_by": dg.MetadataValue.text(posted.decision.decided_by),
                "decision_id": dg.MetadataValue.int(posted.decision.id),
                "effect_id": dg.MetadataValue.int(posted.effect.id),
                "reused": dg.MetadataValue.bool(not posted.fresh),
            }
            if posted.url:
                metadata["url"] = dg.MetadataValue.url(posted.url)
            return dg.MaterializeResult(data_version=dg.DataVersion(f"effect:{posted.effect.id}"), metadata=metadata)

        return post


def _source(provider: str, model: str | None) -> str:
    return f"{provider} `{model}`" if model else provider
