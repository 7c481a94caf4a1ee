"""The launchpad: what a run may change for its content alone, typed and described; what it means is tested below it.

See `tests/unit/services/upkeep/test_change_once.py`.
"""

import json
from typing import Any

import dagster as dg
import pytest

from dayreel.desk.graphql_rules import read_operation
from tests.days import today
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.deployment import Deployment, failures, metadata_of

DAY = today()
SEGMENTS = ("crafts", "raw_segments")


def _bought(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    return [made for made in sandbox.effects()["generations"] if made["kind"] == "segment"]


def test_a_seed_of_the_launchpad_is_bought_and_continued_with(
    made_crafts: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    config = {"crafts__raw_segments": {"seed": 7, "segments": [2]}}
    changed = made_crafts.run(instance, "make_day_crafts", DAY, SEGMENTS, config=config)
    assert changed.success, failures(changed)
    assert len(_bought(sandbox)) == 1
    again = made_crafts.run(instance, "make_day_crafts", DAY, SEGMENTS)
    assert metadata_of(again, *SEGMENTS)["reused"] is True
    assert len(_bought(sandbox)) == 1
    with made_crafts.project() as project:
        override = project.contents.manifest(f"crafts-{DAY}").overrides["raw_segments"]
    assert (override.segments, override.request_id, override.asked_by) == ((2,), changed.run_id, "a person in Dagster")


def test_a_refusal_says_what_is_known_and_buys_nothing(
    made_crafts: Deployment, instance: dg.DagsterInstance, sandbox: RunningSandbox
) -> None:
    config = {"crafts__raw_segments": {"model": "wan-99"}}
    refused = made_crafts.run(instance, "make_day_crafts", DAY, SEGMENTS, config=config)
    assert "fal model 'wan-99' has no price" in failures(refused)["crafts/raw_segments"]
    assert _bought(sandbox) == []


@pytest.mark.parametrize("fields", [{"seed": "seven"}, {"sed": 7}, {"segments": 2}])
def test_dagster_refuses_what_has_another_type(
    bought: Deployment, instance: dg.DagsterInstance, fields: dict[str, Any]
) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        bought.run(instance, "make_day_crafts", DAY, SEGMENTS, config={"crafts__raw_segments": fields})


def test_every_field_of_the_launchpad_is_described(bought: Deployment) -> None:
    shown: dict[str, str | None] = {}
    for key in ("ideas", "prompts", "raw_segments"):
        schema: Any = bought.defs.resolve_assets_def(["crafts", key]).op.config_schema.config_type
        shown |= {name: field.description for name, field in schema.fields.items()}
    assert set(shown) == {"new_take", "model", "template", "seed", "segments"}
    assert all(shown.values())


def test_the_desk_passes_the_config_of_a_launch_on() -> None:
    config = json.dumps({"ops": {"crafts__raw_segments": {"config": {"seed": 7}}}})
    document = "mutation L($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename } }"
    request = {"query": document, "variables": {"p": {"runConfigData": config, "executionMetadata": {"tags": []}}}}
    operation = read_operation(json.dumps(request))
    assert operation.signed("ana")["variables"]["p"]["runConfigData"] == config
    assert '"seed": 7' in operation.for_record()["variables"]
