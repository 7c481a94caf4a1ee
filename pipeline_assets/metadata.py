"""What an asset's page shows: numbers that plot per day, tables, paths, links.

Text from models, vendors and people is always `MetadataValue.text`, never markdown: a picture in markdown can make the
browser of whoever opens the page send a request.
"""

from typing import Any

import dagster as dg

from dayreel.schemas.content import CheckResult
from dayreel.services.stages import StageResult


def stage_metadata(result: StageResult, **more: Any) -> dict[str, Any]:
    """Return the metadata that every stage has in common, and more."""
    record = result.record
    told: dict[str, Any] = {
        "content_id": dg.MetadataValue.text(result.content_id),
        "reused": dg.MetadataValue.bool(result.reused),
        "cost_usd": dg.MetadataValue.float(0.0 if result.reused else float(record.cost_usd)),
        "duration_s": dg.MetadataValue.float(record.duration_s),
        "provider": dg.MetadataValue.text(record.provider),
        "fingerprint": dg.MetadataValue.text(record.fingerprint),
        "made_by_run": dg.MetadataValue.text(record.run_id or "none"),
        "simulated": dg.MetadataValue.bool(result.manifest.simulated),
    }
    if record.model is not None:
        told["model"] = dg.MetadataValue.text(record.model)
    if record.effect_ids:
        told["effects"] = dg.MetadataValue.text(", ".join(str(number) for number in record.effect_ids))
    return {**told, **more}


def check_results(checks: tuple[CheckResult, ...], key: dg.AssetKey) -> list[dg.AssetCheckResult]:
    """Return quality checks as Dagster's, each with what was measured and what was asked for."""
    return [
        dg.AssetCheckResult(
            asset_key=key,
            check_name=check.name,
            passed=check.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=check.message,
            metadata={"value": check.value, "expected": check.expected},
        )
        for check in checks
    ]


def table(rows: list[dict[str, Any]]) -> dg.TableMetadataValue:
    """Return rows as a table; every value as text, so that one column may hold what it likes."""
    return dg.MetadataValue.table([dg.TableRecord({name: str(value) for name, value in row.items()}) for row in rows])
