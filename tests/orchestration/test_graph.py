"""The graph as people see it: it loads, it is what the snapshot says, and its promises hold for every asset."""

import json
import re
import subprocess
import sys
import warnings
from datetime import timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import CronFreshnessPolicy, TimeWindowFreshnessPolicy

from dayreel.errors import ConfigurationError, UsageError
from dayreel.marts.declared import MARTS
from dayreel.schemas.channel import Channel
from dayreel.vendors import registry
from dayreel.vendors.registry import names, vendors
from pipeline_assets.definitions import build_defs, default_resources
from pipeline_assets.freshness import derived, made, posted
from pipeline_assets.published import project_resource
from pipeline_assets.steps import open_project
from resources.vendors import vendor_resource
from tests.days import today
from tests.fakes.project import CRAFTS, write_channel
from tests.orchestration.deployment import NOTES, ROOT, Deployment, failures
from tests.orchestration.graph_snapshot import SNAPSHOT, describe, sample_defs


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return sample_defs(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def description(graph: dg.Definitions) -> dict[str, Any]:
    return describe(graph)


def test_the_definitions_of_the_shipped_channels_load(graph: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(graph)
    shipped = {path.name.partition(".")[0] for path in (ROOT / "channels").glob("*.yaml*")}
    jobs = graph.get_repository_def().job_names
    assert {name for name in jobs if name.startswith("make_day_")} == {f"make_day_{name}" for name in shipped}


def test_a_channel_whose_package_fails_is_left_out(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = {"acme": [EntryPoint("acme", "nowhere:VENDOR", registry.GROUP)]}
    monkeypatch.setattr(registry, "_plugged", lambda: points)
    before = set(build_defs(deployment.settings).get_repository_def().job_names)
    write_channel(deployment.settings.root, "spoken", narration={"provider": "acme", "voice": "x"})
    assert set(build_defs(deployment.settings).get_repository_def().job_names) == before
    assert "Channel 'spoken' is left out" in caplog.text
    assert "nowhere:VENDOR cannot be loaded" in caplog.text


def test_loading_the_graph_says_nothing_about_beta_parameters(deployment: Deployment) -> None:
    """Thirty such lines would stand before everything that `dagster` prints for people."""
    with warnings.catch_warnings():
        for category in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("error", category)
        assert build_defs(deployment.settings).jobs


@pytest.mark.parametrize("part", ["assets", "jobs", "schedules", "sensors"])
def test_the_graph_is_what_the_snapshot_says(description: dict[str, Any], part: str) -> None:
    """A change that is meant is written down with `python -m tests.orchestration.graph_snapshot`."""
    assert description[part] == json.loads(SNAPSHOT.read_text(encoding="utf-8"))[part]


def test_the_graph_loads_without_duckdb_or_frames(deployment: Deployment) -> None:
    """They cost a second, on every start and at every tick of a code server that is new."""
    code = "import sys, pipeline_assets.definitions as loaded; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=deployment.root, env={"PYTHONPATH": str(ROOT)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert not {"duckdb", "pyarrow", "pandas", "polars"} & set(done.stdout.split())


def test_only_what_a_channel_uses_is_in_its_graph(description: dict[str, Any]) -> None:
    assert "tiny_histories/narration" in description["assets"]
    assert "asmr_crafts/narration" not in description["assets"]
    assert "field_notes/prompts" not in description["assets"]
    assert "tiny_histories/posts/tiktok" not in description["assets"]


def test_every_asset_shares_one_partitions_definition(graph: dg.Definitions) -> None:
    """A backfill over several channels is only possible when their root assets do. Weeks and months sum days up."""
    nodes = [graph.resolve_asset_graph().get(key) for key in graph.resolve_asset_graph().materializable_asset_keys]
    summed = {"summary/weekly", "summary/monthly", "summary/charts", "experiments/results", "finance/billed_vs_booked"}
    assert len({id(node.partitions_def) for node in nodes if node.key.to_user_string() not in summed}) == 1


def test_every_asset_has_owners_kinds_and_an_existing_runbook(graph: dg.Definitions) -> None:
    root = Path(__file__).parents[2]
    for spec in graph.resolve_all_asset_specs():
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        runbook = re.search(r"Runbook: \[(docs/[\w/-]+\.md)]\(/(docs/[\w/-]+\.md)\)$", spec.description or "")
        assert runbook is not None, spec.key
        assert (root / runbook[1]).is_file(), (spec.key, runbook)
        assert runbook[1] == runbook[2]


def test_no_job_pays_and_publishes_in_one_run(description: dict[str, Any]) -> None:
    for name, keys in ((name, job["assets"]) for name, job in description["jobs"].items()):
        publishes = [key for key in keys if "/posts/" in key]
        makes = [key for key in keys if key.endswith(("/raw_segments", "/ideas"))]
        assert not (publishes and makes), name


def test_every_kind_of_definition_can_be_replaced(bought: Deployment) -> None:
    ideas = dg.AssetKey(["crafts", "ideas"])

    @dg.asset(key=ideas, description="a team's own")
    def own_ideas() -> None: ...

    @dg.asset_check(asset=dg.AssetKey(["crafts", "prompts"]))
    def own_check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.job(name="maintenance", description="a team's own")
    def own_job() -> None: ...

    @dg.sensor(name="decision_recorded_sensor", job=own_job, description="a team's own")
    def own_sensor() -> None: ...

    schedule = dg.ScheduleDefinition("measure_schedule_of_ours", job=own_job, cron_schedule="0 0 * * *")
    plain = build_defs(bought.settings)
    own = build_defs(
        bought.settings,
        assets=[own_ideas],
        checks=[own_check],
        jobs=[own_job],
        schedules=[schedule],
        sensors=[own_sensor],
        resources={"fal": dg.ResourceDefinition.hardcoded_resource("ours")},
    )
    graph = own.resolve_asset_graph()
    assert graph.get(ideas).description == "a team's own"
    assert graph.get_all_asset_keys() == plain.resolve_asset_graph().get_all_asset_keys()
    assert "own_check" in {key.name for key in graph.get_check_keys_for_assets({own_check.check_key.asset_key})}
    assert own.resolve_job_def("maintenance").description == "a team's own"
    assert own.resolve_sensor_def("decision_recorded_sensor").description == "a team's own"
    assert own.resolve_schedule_def("measure_schedule_of_ours").cron_schedule == "0 0 * * *"
    assert len(list(own.sensors or ())) == len(list(plain.sensors or ()))
    assert own.resources is not None
    assert plain.resources is not None
    assert own.resources["fal"] != plain.resources["fal"]


def test_a_check_of_ours_is_answered_by_another(
    deployment: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocking one of a stage's table, beside which the others are answered as before."""
    ours = dg.AssetCheckKey(dg.AssetKey(["notes", "ideas"]), "key_is_unique_and_not_null")

    @dg.asset_check(asset=ours.asset_key, name=ours.name)
    def own_check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="a team's own")

    monkeypatch.setitem(deployment.__dict__, "defs", build_defs(deployment.settings, checks=[own_check]))
    result = deployment.run(instance, "make_day_notes", today(), ["notes", "ideas"])
    assert result.success, failures(result)
    answers = [check for check in result.get_asset_check_evaluations() if check.asset_key == ours.asset_key]
    assert [check.description for check in answers if check.check_name == ours.name] == ["a team's own"]
    assert len(answers) == len({check.check_name for check in answers}) > 2


def test_each_resource_opens_the_vendor_that_it_is_named_for(deployment: Deployment) -> None:
    with deployment.project() as project:
        project.providers.update({name: name for name in names()})
        notifiers = {vendor.name: vendor_resource(vendor) for vendor in vendors("notifiers")}
        resources = {**default_resources(deployment.settings), **notifiers}
        opened = {name: resource.open(project) for name, resource in resources.items() if name in names()}
    assert set(opened) == {vendor.name for vendor in vendors() if vendor.family not in ("public_urls", "lookup")}
    assert opened == {name: name for name in opened}


def test_what_a_service_gave_up_is_not_tried_again_by_dagster(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    """Whatever policy somebody puts on a step: what can be tried again was tried where it was understood."""
    tries: list[str] = []

    @dg.op(required_resource_keys={"project"}, retry_policy=dg.RetryPolicy(max_retries=2))
    def refused(context: dg.OpExecutionContext) -> None:
        with open_project(context):
            tries.append(context.run_id)
            raise UsageError("It was refused.")

    @dg.job(resource_defs={"project": project_resource(deployment.settings)})
    def once() -> None:
        refused()

    assert not once.execute_in_process(instance=instance, raise_on_error=False).success
    assert len(tries) == 1


def test_a_channel_whose_day_precedes_its_partition_is_refused(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYREEL_TIMEZONE", "UTC")
    deployment.write_channel("notes", {**NOTES, "timezone": "Pacific/Auckland", "make_at": "06:00"})
    with pytest.raises(ConfigurationError, match="DAYREEL_TIMEZONE=Pacific/Auckland"):
        _ = deployment.defs


def test_a_project_without_channels_still_loads(make_deployment: Any) -> None:
    deployment: Deployment = make_deployment()
    (deployment.root / "channels" / "notes.yaml").unlink()
    dg.Definitions.validate_loadable(deployment.defs)
    jobs = deployment.defs.get_repository_def().job_names
    assert "maintenance" in jobs
    assert [name for name in jobs if name.startswith("make_day")] == []


@pytest.mark.parametrize(
    ("make_at", "weekdays", "deadline", "hours"),
    [
        ("09:00", None, "0 11 * * *", 11),
        ("09:00", ["mon", "fri"], "0 11 * * 1,5", 11),
        ("23:00", ["mon", "sat"], "0 1 * * 0,2", 23),  # by one o'clock of the day after
    ],
)
def test_freshness_follows_the_days_of_the_channel(
    make_at: str, weekdays: list[str] | None, deadline: str, hours: int
) -> None:
    fields = {**CRAFTS, "name": "crafts", "make_at": make_at, "timezone": "Europe/Madrid"}
    policy = made(Channel.model_validate(fields | ({} if weekdays is None else {"weekdays": weekdays})))
    assert isinstance(policy, CronFreshnessPolicy)
    assert (policy.deadline_cron, policy.timezone) == (deadline, "Europe/Madrid")
    assert policy.lower_bound_delta == timedelta(hours=hours)


def test_what_follows_people_may_wait_for_them() -> None:
    """From Monday to Friday, two hours, the review's and a day for a window to open; marts see all channels."""
    fields = {**CRAFTS, "name": "crafts", "weekdays": ["mon", "fri"], "review": {"timeout_h": 24}}
    rare, daily = Channel.model_validate(fields), Channel.model_validate({**CRAFTS, "name": "daily"})
    policy = posted(rare)
    assert isinstance(policy, TimeWindowFreshnessPolicy)
    assert policy.fail_window.to_timedelta() == timedelta(days=4, hours=2 + 24 + 24)
    spend = derived(MARTS["finance/spend"], [rare, daily], "UTC")
    assert isinstance(spend, TimeWindowFreshnessPolicy)
    assert spend.fail_window.to_timedelta() == timedelta(hours=24 + 3)
    assert derived(MARTS["finance/spend"], [], "UTC") is None


def test_every_asset_that_is_expected_has_a_policy(description: dict[str, Any]) -> None:
    without = {key for key, asset in description["assets"].items() if asset["freshness"] is None}
    assert {key.split("/")[0] for key in without} == {"library"}, "own footage comes when it comes"
