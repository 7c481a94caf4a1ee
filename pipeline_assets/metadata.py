"""What an asset's page shows: numbers that plot per day, tables, small pictures, links.

Text from models, vendors and people is always `MetadataValue.text`, never markdown: a picture in markdown can make the
browser of whoever opens the page send a request.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import dagster as dg

from dayreel.queries.story import request_ids
from dayreel.rules.desk_links import content_link, link, media_link, picture_row, runbook_link
from dayreel.schemas.content import CheckResult, FileRecord
from dayreel.schemas.manifest import Manifest
from dayreel.services.desk.thumbnails import thumbnails
from dayreel.services.making.stages import StageResult
from dayreel.services.project import Project
from dayreel.settings import load_settings
from dayreel.vendors.registry import names

KNOWN_MAKERS = frozenset({"calendar", "ffmpeg", *names("llm"), *names("video"), *names("speech")})


def stage_metadata(result: StageResult, project: Project) -> dict[str, Any]:
    """Return the metadata that every stage has in common."""
    record = result.record
    metadata: dict[str, Any] = {
        "trigger": dg.MetadataValue.text(project.actor),
        "content_id": dg.MetadataValue.text(result.content_id),
        "reused": dg.MetadataValue.bool(result.reused),
        "cost_usd": dg.MetadataValue.float(0.0 if result.reused else float(record.cost_usd)),
        "duration_s": dg.MetadataValue.float(record.duration_s),
        "provider": dg.MetadataValue.text(record.provider),
        "fingerprint": dg.MetadataValue.text(record.fingerprint),
        "made_by_run": dg.MetadataValue.dagster_run(record.run_id) if record.run_id else dg.MetadataValue.text("none"),
        "simulated": dg.MetadataValue.bool(result.manifest.simulated),
    }
    if record.model is not None:
        metadata["model"] = dg.MetadataValue.text(record.model)
    if record.effect_ids:
        metadata["effects"] = dg.MetadataValue.text(", ".join(str(number) for number in record.effect_ids))
        metadata["request_ids"] = dg.MetadataValue.text(", ".join(request_ids(project, record.effect_ids)) or "none")
    if record.provider not in KNOWN_MAKERS:
        metadata["made_elsewhere_by"] = dg.MetadataValue.text(record.provider)
    return metadata


def check_results(context: dg.AssetExecutionContext, checks: Iterable[CheckResult]) -> list[dg.AssetCheckResult]:
    """Return the result of every check that the asset declares, with what was measured and what was asked for.

    Dagster fails a step whose declared checks yield no result. One has none where a later stage was made elsewhere.
    """
    answered = {check.name: check for check in checks}
    return [_result(spec, answered.get(spec.name)) for spec in context.assets_def.check_specs]


def _result(spec: dg.AssetCheckSpec, check: CheckResult | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=check is not None and check.passed,
        severity=dg.AssetCheckSeverity.ERROR if check else dg.AssetCheckSeverity.WARN,
        description=check.message
        if check
        else "Not checked: a later stage was made elsewhere, so nothing was made here.",
        metadata={"value": check.value, "expected": check.expected} if check else {},
    )


@cache
def desk_origin() -> str:
    """Return what links to the desk begin with: the address that the project gives it, or nothing.

    With DAYREEL_DESK_URL they lead to the desk from any Dagster, `dagster dev` and `dg dev` too; without it from the
    Dagster behind the desk, under whatever name people came to it.
    """
    return (load_settings().desk_url or "").rstrip("/")


def runbook(name: str) -> str:
    """Return how a description names its runbook; the desk serves it beside Dagster."""
    return f"Runbook: {link(f'docs/{name}.md', runbook_link(name), origin=desk_origin())}"


def previews(project: Project, content_id: str, videos: Iterable[FileRecord]) -> dict[str, Any]:
    """Return a small picture of each video, which leads to it, and where the content is at the desk.

    The one place in which Dagster's pages show media: fixed markdown templates with quoted ids, never text of a model.
    """
    row = picture_row(content_id, thumbnails(project, content_id, videos), origin=desk_origin())
    return {
        "preview": dg.MetadataValue.md(row or "none"),
        "desk": review_link(content_id),
    }


def review_link(content_id: str) -> dg.MarkdownMetadataValue:
    """Return a link to where the content is watched and decided on."""
    return dg.MetadataValue.md(link(content_id, content_link(content_id), origin=desk_origin()))


def files(content_id: str, **paths: str) -> dict[str, dg.MarkdownMetadataValue]:
    """Return links to files of a content, by what they are."""
    return {
        name: dg.MetadataValue.md(link(path, media_link(content_id, path), origin=desk_origin()))
        for name, path in paths.items()
    }


def storage_uri(project: Project, content_id: str, path: str) -> dg.TextMetadataValue | dg.PathMetadataValue:
    """Return where a file is for programs: in the bucket, or on this machine's disk."""
    address = project.contents.address(content_id, path)
    if address is None:
        return dg.MetadataValue.path(str(project.contents.folder(content_id) / path))
    return dg.MetadataValue.text(address)


def seconds_per_stage(manifest: Manifest) -> dict[str, dg.FloatMetadataValue]:
    """Return how long each stage took when it was made: `seconds_raw_segments` and so on, to be plotted per day."""
    return {f"seconds_{stage}": dg.MetadataValue.float(done.duration_s) for stage, done in manifest.stages.items()}


def table(rows: list[dict[str, Any]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Return rows as a table; every value as text, so that one column may hold what it likes."""
    if not rows:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table([dg.TableRecord({name: str(value) for name, value in row.items()}) for row in rows])
