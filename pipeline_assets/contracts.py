"""Asset checks from what tables promise (`Table.contract`), each with a result per partition; a failed one decides.

A step with a failed blocking check fails, so that what follows in its run is left out; `none_failed` keeps automation
from what is made of that partition. See https://docs.dagster.io/guides/test/asset-checks: checks with partitions are a
preview there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import dagster as dg

# What a check was about is set by Dagster in runs of one partition alone, and it exports no other way to say it.
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

from dayreel.schemas.content import CheckResult
from dayreel.schemas.mart import KEY_CHECK, NULL_CHECK, ROWS_CHECK, ColumnKind, Table
from dayreel.stores.mart_files import ALWAYS

_IN_WORDS = frozenset({KEY_CHECK, NULL_CHECK, ROWS_CHECK})
_LEFT_TO_OTHERS: ContextVar[frozenset[dg.AssetCheckKey]] = ContextVar("left_to_others", default=frozenset())


_COLUMN_TYPES: Mapping[ColumnKind, str] = {
    "text": "string", "int": "int64", "float": "float64", "usd": "decimal(12,6)", "day": "date32",
    "moment": "timestamp[us, UTC]", "flag": "bool",
}  # fmt: skip


def column_schema(table: Table) -> dict[str, dg.TableSchema]:
    """Return the metadata by which Dagster shows a table's columns, with their units."""
    columns = [
        dg.TableColumn(
            column.name,
            _COLUMN_TYPES[column.kind],
            description=column.description,
            constraints=dg.TableColumnConstraints(nullable=column.name not in table.never_null),
        )
        for column in table.columns
    ]
    key = dg.TableConstraints(other=[f"key: {', '.join(table.key)}"])
    return {"dagster/column_schema": dg.TableSchema(columns=columns, constraints=key)}


def contract_specs(
    table: Table, asset: dg.AssetKey, partitions: dg.PartitionsDefinition | None
) -> list[dg.AssetCheckSpec]:
    """Return a blocking check for everything that a table promises, for an asset of these partitions."""
    words = {
        name: holds if name in _IN_WORDS else f"Holds for every row: `{holds}`"
        for name, holds in table.contract.items()
    }
    return check_specs(words, asset, partitions, blocking=words)


def check_specs(
    checks: Mapping[str, str],
    asset: dg.AssetKey,
    partitions: dg.PartitionsDefinition | None,
    *,
    blocking: Collection[str] = (),
) -> list[dg.AssetCheckSpec]:
    """Return checks, by name with their descriptions, without those that are left to others.

    Each has a result for each partition: that of a later day never hides one that failed.
    """
    return [
        dg.AssetCheckSpec(
            name, asset=asset, description=description, partitions_def=partitions, blocking=name in blocking
        )
        for name, description in checks.items()
        if dg.AssetCheckKey(asset, name) not in _LEFT_TO_OTHERS.get()
    ]


@contextmanager
def left_to_others(checks: Iterable[dg.AssetCheckKey]) -> Iterator[None]:
    """Build assets without these checks of theirs, which somebody else answers."""
    token = _LEFT_TO_OTHERS.set(frozenset(checks))
    try:
        yield
    finally:
        _LEFT_TO_OTHERS.reset(token)


def evaluations(
    context: dg.AssetExecutionContext, asset: dg.AssetKey, results: Mapping[str, tuple[CheckResult, ...]]
) -> Iterator[dg.Output | dg.AssetCheckEvaluation]:
    """Yield the results of a step that has made one partition or many, after their materializations.

    Args:
        results: by partition, all with the same checks; `ALWAYS` stands for an asset without partitions.
    """
    specs = {spec.name: spec for spec in context.assets_def.check_specs}
    for name in {check.name: None for checks in results.values() for check in checks if check.name in specs}:
        yield dg.Output(None, output_name=specs[name].get_python_identifier())
    partitions = [key for key in results if key != ALWAYS]
    made = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset, asset_partitions=partitions or None), limit=len(results)
    ).records
    targets = {
        record.partition_key: AssetCheckEvaluationTargetMaterializationData(
            run_id=record.event_log_entry.run_id, storage_id=record.storage_id, timestamp=record.timestamp
        )
        for record in reversed(made)
    }
    for key, checks in results.items():
        partition = None if key == ALWAYS else key
        for check in (check for check in checks if check.name in specs):
            yield dg.AssetCheckEvaluation(
                asset_key=asset,
                check_name=check.name,
                passed=check.passed,
                severity=dg.AssetCheckSeverity.ERROR,
                description=check.message,
                metadata={"value": check.value, "expected": check.expected},
                target_materialization_data=targets.get(partition),
                blocking=specs[check.name].blocking,
                partition=partition,
            )


def none_failed() -> dg.AutomationCondition:
    """Return the condition that no blocking check of what a partition is made from has failed.

    One that was never asked blocks nothing: days from before there were checks have none.
    """
    failed = dg.AutomationCondition.any_checks_match(dg.AutomationCondition.check_failed(), blocking_only=True)
    return ~dg.AutomationCondition.any_deps_match(failed)
