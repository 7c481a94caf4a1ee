"""Vendors' resources: fields show the names of variables, nothing has to be set, and a run names others."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from dayreel.schemas.channel import Review
from dayreel.services import project
from dayreel.vendors.record import Setting, Vendor
from dayreel.vendors.registry import TAKEN, names, vendor_named, vendors
from pipeline_assets.definitions import build_defs, default_resources
from resources.vendors import resource_class, vendor_resource
from tests.orchestration.deployment import Deployment

ACME = Vendor(
    "acme",
    "speech",
    "A voice.",
    lambda access: (access.secret("ACME_KEY"), access.variable("ACME_ROOM")),
    settings=(
        Setting("ACME_KEY", "acme.example, Keys", sandbox="sandbox-acme"),
        Setting("ACME_ROOM", "a project of Acme's", secret=False, required=False),
    ),
)


@pytest.fixture
def opened(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run an asset that opens ACME with this config; return what its client was made of, or the run's failure."""
    monkeypatch.setattr(project, "vendor_named", lambda _name: ACME)
    monkeypatch.setattr(project, "sandbox_variables", lambda: {"ACME_KEY": "sandbox-acme"})
    seen: list[Any] = []

    @dg.asset(required_resource_keys={"project", "acme"})
    def speaks(context: dg.AssetExecutionContext) -> None:
        with context.resources.project.open() as project:
            seen.append(context.resources.acme.open(project))

    resources = {"project": default_resources(deployment.settings)["project"], "acme": vendor_resource(ACME)}

    def run(**fields: str) -> Any:
        config = {name: {"env": variable} for name, variable in fields.items()}
        dg.materialize([speaks], resources=resources, run_config={"resources": {"acme": {"config": config}}})
        return seen[-1]

    return run


@pytest.fixture
def in_the_live_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYREEL_WORLD", "live")


def test_no_resource_has_the_name_of_a_vendor_to_come(deployment: Deployment) -> None:
    """A package's vendor of that name would take its place without a word."""
    keys = set(default_resources(deployment.settings)) - set(names())
    managers = {key for asset in build_defs(deployment.settings).assets or () for key in _managers(asset)}
    assert keys | managers | {"studio"} | set(Review.model_fields) <= TAKEN


def _managers(asset: Any) -> set[str]:
    return {output.io_manager_key for output in getattr(asset, "op", asset.node_def).output_defs}


def test_a_variable_takes_the_place_of_no_method() -> None:
    settings = tuple(Setting(name, "where") for name in ("OPEN", "COPY", "MODEL_CONFIG", "CLASS", "ACME_KEY"))
    made = resource_class(replace(ACME, settings=settings))
    assert list(made.model_fields) == ["open_", "copy_", "model_config_", "class_", "acme_key"]
    assert callable(made.open)


def test_the_sandbox_world_needs_no_variable_and_takes_none(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened() == ("sandbox-acme", None)
    monkeypatch.setenv("ANOTHER_KEY", "marked-secret")
    assert opened(acme_key="ANOTHER_KEY") == ("sandbox-acme", None)


@pytest.mark.usefixtures("in_the_live_world")
def test_a_run_names_another_variable(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "ours")
    monkeypatch.setenv("ANOTHER_KEY", "theirs")
    assert opened() == ("ours", None)
    assert opened(acme_key="ANOTHER_KEY") == ("theirs", None)
    with pytest.raises(Exception, match="A_THIRD_KEY is not set, and ACME_KEY is read from it"):
        opened(acme_key="A_THIRD_KEY")


@pytest.mark.usefixtures("in_the_live_world")
def test_a_missing_variable_fails_the_step_that_needs_it(opened: Any) -> None:
    with pytest.raises(Exception, match="ACME_KEY is not set, and the live world needs it"):
        opened()


def test_pages_show_variables_by_name_and_never_a_value(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for vendor in vendors():
        for setting in vendor.settings:
            monkeypatch.setenv(setting.variable, "marked-secret")
    snap = RepositorySnap.from_def(deployment.defs.get_repository_def())
    assert "marked-secret" not in dg.serialize_value(snap)
    assert set(snap.utilized_env_vars or ()) >= {"FAL_KEY", "TIKTOK_REFRESH_TOKEN", "SLACK_BOT_TOKEN"}
    pages = {resource.name: resource for resource in snap.resources or ()}
    youtube = pages["youtube"]
    assert youtube.resource_type == "resources.vendors.YouTubeResource"
    assert {field.name: field.description for field in youtube.config_field_snaps} == {
        setting.variable.lower(): setting.help + ("" if setting.required else "; optional")
        for setting in vendor_named("youtube").settings
    }


def test_a_class_is_named_documented_and_made_once() -> None:
    made = resource_class(ACME)
    assert (made.__name__, made.__doc__) == ("AcmeResource", "A voice. The live world needs ACME_KEY.")
    assert made is resource_class(ACME)
    assert vendor_resource(ACME).open.__doc__
