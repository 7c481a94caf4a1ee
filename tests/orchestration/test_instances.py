"""Dagster's instances: SQLite by default, PostgreSQL and S3 logs by environment alone, equal in everything else."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from dayreel.errors import ConfigurationError
from dayreel.services.dagster_instance import prepare_dagster_home
from dayreel.settings import load_settings
from tests.days import today
from tests.orchestration.deployment import ROOT, Deployment, failures

DEFAULT = ROOT / "dagster_home" / "dagster.yaml"
POSTGRES = ROOT / "dagster_home" / "dagster.postgres.yaml"


@pytest.fixture
def postgres(postgres_url: str) -> str:
    """An empty database, its address written as a host would give it."""
    return postgres_url.replace("postgresql+psycopg2://", "postgresql://")


def use_postgres(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    (deployment.root / "dagster_home").mkdir()
    shutil.copy(POSTGRES, deployment.root / "dagster_home")
    for name in ("DAGSTER_HOME", "DAYREEL_DAGSTER_LOGS_BUCKET"):
        monkeypatch.setenv(name, "")  # what the service sets is taken back after the test
        monkeypatch.delenv(name)


@pytest.fixture
def on_postgres(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    use_postgres(deployment, monkeypatch)
    return deployment


def test_the_two_instances_differ_in_storage_and_logs_alone() -> None:
    default, postgres = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (DEFAULT, POSTGRES))
    assert postgres.pop("storage")
    assert postgres.pop("compute_logs")
    assert postgres == default


def test_a_killed_run_is_noticed_and_retried() -> None:
    """Dagster's defaults strand the pipeline for ever. `tests/soak/test_daemons.py` kills one."""
    document = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    monitoring = document["run_monitoring"]
    assert monitoring["enabled"]
    assert monitoring["max_runtime_seconds"] <= 4 * 3600
    assert document["run_retries"] == {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}


OPENS = """
import os, sys, traceback
from pathlib import Path
import alembic.command, dagster._core.storage.sqlite_storage
from dayreel.cli.launch import instance_of
from dayreel.settings import load_settings
settings = load_settings(Path(sys.argv[1]))

def open_it():
    try:
        with instance_of(settings) as instance:
            print(instance.get_runs_count(), flush=True)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

children = [os.fork() or open_it() for _ in range(3)]
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


def test_concurrent_commands_can_create_the_same_new_instance(deployment: Deployment) -> None:
    """Without a lock one of them finds half-made tables and fails. Forked after the imports, they meet for sure."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [sys.executable, "-W", "ignore", "-c", OPENS, str(deployment.root)]
    done = subprocess.run(
        command, cwd=deployment.root, env=environment, check=False, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "0\n" * 3), done.stderr[-2000:]


@pytest.mark.postgres
def test_a_run_and_its_partition_are_kept_on_postgresql(
    made: Deployment, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_postgres(made, monkeypatch)
    monkeypatch.setenv("DAYREEL_DAGSTER_POSTGRES_URL", postgres)
    assert prepare_dagster_home(load_settings(made.root)) == made.settings.var_dir / "dagster_postgres"
    with dg.DagsterInstance.get() as instance:
        assert "Postgres" in type(instance.run_storage).__name__
        result = made.run(instance, "make_day_notes", today())
        assert result.success, failures(result)
        assert [run.run_id for run in instance.get_runs()] == [result.run_id]
        assert instance.get_materialized_partitions(dg.AssetKey(["notes", "final_video"])) == {today().isoformat()}


@pytest.mark.postgres
def test_the_shipped_file_loads_as_it_is_with_logs_on_s3(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The S3 part is loaded, not used: nothing is asked of a bucket before a step writes its first log."""
    shutil.copy(POSTGRES, tmp_path / "dagster.yaml")
    monkeypatch.setenv(
        "DAYREEL_DAGSTER_POSTGRES_URL", "postgresql+psycopg2://" + postgres.removeprefix("postgresql://")
    )
    monkeypatch.setenv("DAYREEL_DAGSTER_LOGS_BUCKET", "logs")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.compute_log_manager, S3ComputeLogManager)
        assert instance.run_retries_max_retries == 2


def test_logs_stay_here_without_a_bucket(on_postgres: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYREEL_DAGSTER_POSTGRES_URL", "postgres://dagster:word@127.0.0.1/dagster")
    home = prepare_dagster_home(load_settings(on_postgres.root))
    document = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    assert "compute_logs" not in document
    assert os.environ["DAYREEL_DAGSTER_POSTGRES_URL"] == "postgresql+psycopg2://dagster:word@127.0.0.1/dagster"
    assert "word" not in (home / "dagster.yaml").read_text(encoding="utf-8")
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("DAYREEL_DAGSTER_LOGS_BUCKET", "logs")
    prepare_dagster_home(load_settings(on_postgres.root))
    assert "compute_logs" in yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))


def test_dagster_home_wins(on_postgres: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYREEL_DAGSTER_POSTGRES_URL", "postgres://127.0.0.1/dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "mine"))
    assert prepare_dagster_home(load_settings(on_postgres.root)) == tmp_path / "mine"
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_project_without_the_template_is_reported(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYREEL_DAGSTER_POSTGRES_URL", "postgres://127.0.0.1/dagster")
    with pytest.raises(ConfigurationError, match=r"dagster.postgres.yaml"):
        prepare_dagster_home(load_settings(deployment.root))


def test_dg_and_workspace_name_the_same_graph() -> None:
    """`dg` reads dg.toml, everything else workspace.yaml."""
    dg_project = tomllib.loads((ROOT / "dg.toml").read_text(encoding="utf-8"))["project"]
    (loaded,) = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    module = loaded["python_module"]
    assert dg_project["code_location_target_module"] == module["module_name"]
    assert dg_project["code_location_name"] == module["location_name"]
    assert "dg" not in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
