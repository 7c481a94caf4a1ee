"""The project: what is handed in wins, the sandbox world has keys of its own, and people have names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import ConfigurationError, UsageError
from dayreel.sandbox.credentials import SANDBOX_CREDENTIALS
from dayreel.services.project import Project, open_project, person
from dayreel.settings import Settings
from tests.fakes.notifier import FakeNotifier

MakeProject = Callable[..., Project]


def test_a_vendor_that_is_handed_in_is_the_one_that_is_used(make_project: MakeProject) -> None:
    notifier = FakeNotifier()
    project = make_project(providers={"slack": notifier})
    assert project.connect("slack") is notifier
    with pytest.raises(UsageError, match=r"There is no provider 'acme'.*anthropic"):
        project.connect("acme")


def test_the_live_world_names_the_variable_that_is_missing(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAL_KEY", raising=False)
    project = make_project(world="live")
    assert project.access.sandbox_url is None
    with pytest.raises(ConfigurationError, match=r"FAL_KEY is not set, and the live world needs it.*\.env"):
        project.connect("fal")


def test_a_real_key_never_reaches_the_sandbox_world(tmp_path: Path, make_project: MakeProject) -> None:
    project = make_project()
    settings = Settings(_env_file=None, root=tmp_path, sandbox_url="http://127.0.0.1:9")
    settings = settings.with_variables(FAL_KEY="s3cret-of-mine")
    mine = Project(settings, project.clock, project.catalog)
    assert mine.access.variable("FAL_KEY") == SANDBOX_CREDENTIALS["FAL_KEY"]
    assert "s3cret-of-mine" not in repr(settings)
    live = Project(settings.model_copy(update={"world": "live"}), project.clock, project.catalog)
    assert live.access.variable("FAL_KEY") == "s3cret-of-mine"


def test_a_studio_opens_on_settings_and_upgrades_the_catalog(tmp_path: Path) -> None:
    project = open_project(Settings(_env_file=None, root=tmp_path, reviewer="ana"), run_id="run-1")
    try:
        assert (project.actor, project.run_id, project.channels.names()) == ("ana", "run-1", [])
        assert (tmp_path / "var" / "catalog.db").is_file()
    finally:
        project.catalog.close()


def test_a_person_is_the_configured_reviewer_or_the_login_name(tmp_path: Path) -> None:
    assert person(Settings(_env_file=None, root=tmp_path, reviewer="ana")) == "ana"
    assert person(Settings(_env_file=None, root=tmp_path, reviewer=None))
