"""The assets of one channel, from its YAML: one video a day, from idea to post.

    ideas → prompts → raw_segments ┐
      └──── narration ─────────────┴→ final_video → reviews → posts/<platform>

Only what the channel uses is there: no prompts for own footage, no narration for a silent channel, no post where it
does not publish. See https://docs.dagster.io/guides/build/assets. What an asset does is a service of `dayreel`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from dayreel.marts.content_tables import CONTENT_TABLES
from dayreel.queries.rows import costs_of, get_content
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.content import CheckResult, FinalVideo
from dayreel.schemas.manifest import Manifest, Stage
from dayreel.services.making.adopt_marker import adopt_external_output
from dayreel.services.making.check_texts import IDEA_CHECKS, PROMPT_CHECKS, check_idea, check_prompts
from dayreel.services.making.code_versions import OF_WHAT_HAPPENED
from dayreel.services.making.compose_video import CHECKS as VIDEO_CHECKS
from dayreel.services.making.compose_video import checks_of, compose_video
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.narrate import FALLBACK, narrate
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.stages import StageResult, part_of_stage
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from dayreel.services.publishing.gate_facts import read_accounts
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.request_review import notify_reviewers
from dayreel.services.reviewing.review_cards import redraw_cards
from dayreel.services.reviewing.review_status import require_decision
from dayreel.services.upkeep.change_once import change_once
from pipeline_assets.contracts import check_specs, column_schema, contract_specs
from pipeline_assets.freshness import decided, made, posted
from pipeline_assets.metadata import (
    check_results,
    files,
    previews,
    review_link,
    runbook,
    seconds_per_stage,
    stage_metadata,
    storage_uri,
    table,
)
from pipeline_assets.partitions import FILED_FOOTAGE
from pipeline_assets.run_config import CalendarIdeasChange, IdeasChange, PromptsChange, SegmentsChange, change_of
from pipeline_assets.run_queue import MAKE_POOL, post_pool, segments_pool
from pipeline_assets.steps import notifiers_of, open_project

OWNER = "team:content"


def build_channel_assets(
    channel: Channel, partitions: dg.DailyPartitionsDefinition, *, versions: Mapping[str, str]
) -> list[dg.AssetsDefinition]:
    """Return the assets of one channel, in the order in which they are made.

    Args:
        versions: the code version of each stage, see `dayreel.services.making.code_versions`.
    """
    build = _Build(channel, partitions, versions)
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


@dataclass(frozen=True)
class _Step:
    """One execution of a stage: where it works, for which day, and what opens its vendor's client when it is wanted."""

    project: Project
    day: date
    client: Callable[[], Any]
    client_of: Callable[[str], Any]


class _Build:
    """What the assets of one channel have in common."""

    def __init__(self, channel: Channel, partitions: dg.DailyPartitionsDefinition, versions: Mapping[str, str]) -> None:
        self.channel = channel
        self.partitions = partitions
        self.versions = versions

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
            metadata=column_schema(CONTENT_TABLES[path[0]]),
            io_manager_key="tables",  # it stores nothing: what was made is loaded as a table from where it lies
            required_resource_keys={"project", *needs},
            **more,
        )
        return decorator

    def stage(
        self,
        name: Stage,
        make: Callable[[_Step], StageResult],
        show: Callable[[_Step, StageResult], Mapping[str, Any]],
        *,
        deps: Sequence[dg.AssetKey | dg.AssetDep],
        client: str | None,
        also: Collection[str] = (),
        checks: Mapping[str, str] = {},
        blocking: Collection[str] = (),
        check: Callable[[_Step, Manifest], tuple[CheckResult, ...]] = lambda _step, _manifest: (),
        version_of: Callable[[StageResult], str] = lambda made: made.record.fingerprint,
        once: type[dg.Config] | None = None,
        **more: Any,
    ) -> dg.AssetsDefinition:
        """Return the asset of one stage: what somebody else has made of it is taken over, the rest is made.

        Args:
            make: makes it, or returns what there is.
            show: returns what is worth seeing of it, besides what every stage shows.
            client: key of the resource whose client `make` and `show` may open.
            also: keys of further resources whose clients `show` may open.
            checks: description of each of its own checks, which `check` answers, beside those of its table.
            blocking: which of them stop what follows; in spite of the others a person can decide.
            version_of: what Dagster knows its data by.
            once: what a run may change for its content alone.
        """
        key = self.key(name)
        contract = contract_specs(CONTENT_TABLES[name], key, self.partitions)
        own_checks = check_specs(checks, key, self.partitions, blocking=blocking)

        @self.asset(
            name,
            deps=deps,
            needs={*([client] if client else []), *also},
            code_version=self.versions[name],
            check_specs=[*contract, *own_checks],
            config_schema=None if once is None else once.to_config_schema(),
            freshness_policy=made(self.channel),
            **more,
        )
        def stage(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            from dayreel.marts.tables import check_content  # noqa: PLC0415  DuckDB

            with open_project(context) as project:

                def client_of(name: str) -> Any:
                    return getattr(context.resources, name).open(project)

                step = _Step(project, day_of(context), lambda: client_of(str(client)), client_of)
                if once is not None:
                    change = change_of(once(**context.op_execution_context.op_config), context.run)
                    change_once(project, self.channel, step.day, name, change)
                with part_of_stage(project, self.channel, step.day, name):
                    # A marker wins, so that a file made elsewhere is never bought a second time.
                    made = adopt_external_output(project, self.channel, step.day, name) or make(step)
                is_here = name in made.manifest.stages
                kept = check_content(project, name, made.content_id) if is_here else ()
                answered = check_results(context, [*kept, *check(step, made.manifest)])
                metadata = {**stage_metadata(made, project), **show(step, made)}
            return dg.MaterializeResult(
                data_version=dg.DataVersion(version_of(made)), check_results=answered, metadata=metadata
            )

        return stage

    def ideas(self) -> dg.AssetsDefinition:
        channel, source = self.channel, self.channel.ideas
        vendor = None if source.provider == "calendar" else source.provider

        def show(_step: _Step, made: StageResult) -> dict[str, Any]:
            idea = made.manifest.idea
            facts = {"idea": idea.idea, "caption": idea.caption, "topic": idea.topic} if idea else {}
            return {name: dg.MetadataValue.text(facts.get(name, "")) for name in ("idea", "caption", "topic")}

        return self.stage(
            "ideas",
            lambda step: make_idea(step.project, channel, step.day, model=step.client() if vendor else None),
            show,
            deps=[],
            client=vendor,
            once=CalendarIdeasChange if vendor is None else IdeasChange,
            kinds={source.provider},
            checks=IDEA_CHECKS,
            check=lambda step, manifest: check_idea(step.project, channel, manifest),
            description=f"The day's idea of this channel: {_source(source.provider, source.model)}. Refused and asked "
            f"again when it resembles one of the last {source.avoid_days} days. {runbook('how-to/channels')}",
        )

    def prompts(self) -> dg.AssetsDefinition:
        channel, source = self.channel, self.channel.prompts
        assert source is not None  # noqa: S101  the caller has looked

        def show(_step: _Step, made: StageResult) -> dict[str, Any]:
            written = made.manifest.prompts.prompts if made.manifest.prompts else ()
            rows = [{"segment": number, **prompt.model_dump()} for number, prompt in enumerate(written, start=1)]
            return {"prompts": table(rows)}

        return self.stage(
            "prompts",
            lambda step: write_prompts(step.project, channel, step.day, model=step.client()),
            show,
            deps=[self.key("ideas")],
            client=source.provider,
            once=PromptsChange,
            kinds={source.provider},
            checks=PROMPT_CHECKS,
            blocking=("one_per_segment",),
            check=lambda step, manifest: check_prompts(step.project, channel, manifest),
            description=f"{channel.segments.count} prompts that follow one another, 100 to 200 words each, with sound: "
            f"{_source(source.provider, source.model)}. {runbook('how-to/channels')}",
        )

    def raw_segments(self) -> dg.AssetsDefinition:
        channel, source, spec = self.channel, self.channel.video, self.channel.segments
        upstream = "ideas" if channel.prompts is None else "prompts"
        # Which items of the library a day was cut from is in its metadata.
        footage = [FILED_FOOTAGE] if source.library else []

        def show(step: _Step, made: StageResult) -> dict[str, Any]:
            cut = made.manifest.segments
            rows = [segment.model_dump(exclude={"file"}) | segment.file.model_dump() for segment in cut]
            return {
                **previews(step.project, made.content_id, [segment.file for segment in cut]),
                "segments": table(rows),
                "segments_made": dg.MetadataValue.int(len(cut)),
                "footage_s": dg.MetadataValue.float(sum(segment.duration_s for segment in cut)),
            }

        return self.stage(
            "raw_segments",
            lambda step: render_segments(step.project, channel, step.day, source=step.client()),
            show,
            deps=[self.key(upstream), *footage],
            client=source.provider,
            once=None if source.model is None else SegmentsChange,
            kinds={source.provider},
            pool=segments_pool(source.provider),
            description=f"{spec.count} raw segments of {spec.duration_s} s, {spec.resolution}, 9:16: "
            f"{_source(source.provider, source.model)}. All at once; a request that was bought is never bought again. "
            f"{runbook('explanation/effects')}",
        )

    def narration(self) -> dg.AssetsDefinition:
        channel, voice = self.channel, self.channel.narration
        assert voice is not None  # noqa: S101  the caller has looked

        def show(_step: _Step, made: StageResult) -> dict[str, Any]:
            track = made.manifest.narration
            if track is None:
                return {}
            instead = {name: made.record.parameters[name] for name in FALLBACK if name in made.record.parameters}
            spoken_by = f"{track.provider} {track.voice}"
            return {
                "spoken_s": track.duration_s,
                "spoken_by": spoken_by,
                **instead,
                **files(made.content_id, file=track.file.path),
            }

        return self.stage(
            "narration",
            lambda step: narrate(step.project, channel, step.day, speech=step.client()),
            show,
            deps=[self.key("ideas")],
            client=voice.provider,
            kinds={voice.provider},
            description=f"The idea's narration, spoken by {voice.voice} ({voice.provider}), with the time of each "
            f"word. {runbook('how-to/channels')}",
        )

    def final_video(self) -> dg.AssetsDefinition:
        channel = self.channel
        parts = [self.key("raw_segments"), *([self.key("narration")] if channel.narration is not None else [])]

        def show(step: _Step, made: StageResult) -> dict[str, Any]:
            return _final_video_metadata(step, channel, made)

        return self.stage(
            "final_video",
            lambda step: compose_video(step.project, channel, step.day),
            show,
            deps=parts,
            client="notifier",
            also=channel.platforms.chosen(),
            kinds={"ffmpeg"},
            pool=MAKE_POOL,
            checks=VIDEO_CHECKS,
            check=lambda _step, manifest: checks_of(_final_of(manifest)),
            version_of=lambda made: _final_of(made.manifest).file.sha256,
            description=f"The finished video: {channel.length_s:g} s, 9:16, "
            f"{channel.brand.loudness_lufs:.0f} LUFS. Making it opens its review. {runbook('explanation/media')}",
        )

    def reviews(self) -> dg.AssetsDefinition:
        channel = self.channel

        @self.asset(
            "reviews",
            deps=[self.key("final_video")],
            needs=set(),
            kinds={"person"},
            freshness_policy=decided([channel]),
            code_version=OF_WHAT_HAPPENED,
            check_specs=contract_specs(CONTENT_TABLES["reviews"], self.key("reviews"), self.partitions),
            description="What people decided about the final video: the newest decision, by whom, on which bytes. A "
            f"decision is a row in the catalog; a sensor turns it into this. {runbook('how-to/review')}",
        )
        def reviews(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            from dayreel.marts.tables import check_content  # noqa: PLC0415  DuckDB

            with open_project(context) as project:
                decision = require_decision(project, channel, day_of(context))
                kept = check_content(project, "reviews", decision.content_id)
                left = redraw_cards(project, decision.content_id)
                trigger = project.actor
            return dg.MaterializeResult(
                data_version=dg.DataVersion(f"{decision.id}:{decision.verdict}"),
                check_results=check_results(context, kept),
                tags={"verdict": decision.verdict},
                metadata={
                    "trigger": dg.MetadataValue.text(trigger),
                    "content_id": dg.MetadataValue.text(decision.content_id),
                    "desk": review_link(decision.content_id),
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
            pool=post_pool(platform),
            freshness_policy=posted(channel),
            code_version=OF_WHAT_HAPPENED,
            check_specs=contract_specs(CONTENT_TABLES["posts"], self.key("posts", platform), self.partitions),
            description=f"The post on {platform}: at most one, and only of exactly what was approved. Materializing it "
            f"again changes nothing. {runbook('how-to/publishing')}",
        )
        def post(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            from dayreel.marts.tables import check_content  # noqa: PLC0415  DuckDB

            with open_project(context) as project:
                content_id = require_decision(project, channel, day_of(context)).content_id
                provider = getattr(context.resources, platform).open(project)
                posted = publish_post(project, channel, content_id, platform, provider=provider)
                kept = check_content(project, "posts", content_id, platform=platform)
                trigger = project.actor
            metadata: dict[str, Any] = {
                "trigger": dg.MetadataValue.text(trigger),
                "content_id": dg.MetadataValue.text(content_id),
                "desk": review_link(content_id),
                "state": dg.MetadataValue.text(posted.state),
                "post_id": dg.MetadataValue.text(posted.post_id or "not known yet"),
                "approved_by": dg.MetadataValue.text(posted.decision.decided_by),
                "decision_id": dg.MetadataValue.int(posted.decision.id),
                "effect_id": dg.MetadataValue.int(posted.effect.id),
                "reused": dg.MetadataValue.bool(not posted.fresh),
            }
            if posted.url:
                metadata["url"] = dg.MetadataValue.url(posted.url)
            return dg.MaterializeResult(
                data_version=dg.DataVersion(f"effect:{posted.effect.id}"),
                check_results=check_results(context, kept),
                metadata=metadata,
            )

        return post


def _source(provider: str, model: str | None) -> str:
    return f"{provider} `{model}`" if model else provider


def _final_of(manifest: Manifest) -> FinalVideo:
    """Return the final video of a manifest whose last stage is done."""
    assert manifest.final_video is not None  # noqa: S101  a finished stage has it
    return manifest.final_video


def _final_video_metadata(step: _Step, channel: Channel, made: StageResult) -> dict[str, Any]:
    """Notify the reviewers of a video that waits for them, and return the metadata to show."""
    project, final = step.project, _final_of(made.manifest)
    with project.catalog.read() as connection:
        row = get_content(connection, made.content_id)
        spent_usd = costs_of(connection, [row.id]).get(row.id, {})
    reviewers, accounts = "already in review", list[str]()
    if row.state == "review_pending":
        accounts = read_accounts(project, channel, step.client_of)
        reviewers = notify_reviewers(project, channel, row, notifiers=notifiers_of(step.client()).of("review"))
    return {
        **previews(project, made.content_id, [final.file]),
        **files(made.content_id, video=final.file.path, contact_sheet=final.contact_sheet),
        "storage_uri": storage_uri(project, made.content_id, final.file.path),
        "content_cost_usd": dg.MetadataValue.float(float(sum(spent_usd.values()))),
        "cost_by_layer_usd": table([{"layer": layer, "usd": usd} for layer, usd in spent_usd.items()]),
        **seconds_per_stage(made.manifest),
        "sha256": dg.MetadataValue.text(final.file.sha256),
        "revision": dg.MetadataValue.int(final.revision),
        "video_s": dg.MetadataValue.float(final.duration_s),
        "size_bytes": dg.MetadataValue.int(final.file.size_bytes),
        "loudness_lufs": dg.MetadataValue.float(final.loudness_lufs or 0.0),
        "mode": dg.MetadataValue.text(final.mode),
        "checks": table([check.model_dump() for check in final.checks]),
        "reviewers": dg.MetadataValue.text(reviewers),
        "accounts": dg.MetadataValue.text("; ".join(accounts) or "as they were"),
        "next_step": dg.MetadataValue.text(f"dayreel review approve {made.content_id}"),
    }
