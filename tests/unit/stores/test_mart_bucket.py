"""The marts in a bucket: what is written there is read from there, by whoever else has the keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dayreel.errors import ConfigurationError, StoreError
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS
from dayreel.marts.query import answer, opened_marts
from dayreel.settings import Settings
from dayreel.stores.mart_bucket import MartBucket, open_mart_files
from dayreel.stores.mart_files import MartFiles
from tests.fakes.bucket import FakeBucket, running_bucket

HEALTH = MARTS["factory/health"]
SCHEMA = schema_of(HEALTH)
SECRET = "marked-secret-access-key"


def rows(*channels: str) -> Any:
    """Return a table of the mart, one row a channel."""
    values = [{"channel": channel, "layer": "idea", "provider": "openai", "attempts": 1} for channel in channels]
    return pa.Table.from_pylist(values, schema=SCHEMA)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBucket]:
    with running_bucket() as kept:
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "key-id"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
            ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required"),
            ("AWS_ENDPOINT_URL", kept.url), ("AWS_MAX_ATTEMPTS", "1"),
        ):  # fmt: skip
            monkeypatch.setenv(name, value)
        yield kept


def test_a_partition_is_one_object_another_machine_can_read(store: FakeBucket, tmp_path: Path) -> None:
    here, there = MartBucket("marts/team", tmp_path / "here"), MartBucket("marts/team", tmp_path / "there")
    here.write(HEALTH.name, "2026-11-20", rows("crafts"))
    local = MartFiles(tmp_path / "local").write(HEALTH.name, "2026-11-20", rows("crafts"))
    assert store.objects == {"/marts/team/factory/health/2026-11-20.parquet": local.read_bytes()}
    assert there.partitions(HEALTH.name) == ["2026-11-20"]
    assert there.read(HEALTH.name, ["2026-11-19", "2026-11-20"], schema=SCHEMA)["channel"].to_pylist() == ["crafts"]


def test_only_what_changed_is_fetched_and_what_is_gone_is_gone(store: FakeBucket, tmp_path: Path) -> None:
    store.most = 2  # the list comes in pages
    here, there = MartBucket("marts", tmp_path / "here"), MartBucket("marts", tmp_path / "there")
    for day in (18, 19, 20):
        here.write(HEALTH.name, f"2026-11-{day}", rows("crafts"))
    assert there.partitions(HEALTH.name) == ["2026-11-18", "2026-11-19", "2026-11-20"]
    here.write(HEALTH.name, "2026-11-19", rows("crafts", "histories"))
    del store.objects["/marts/factory/health/2026-11-18.parquet"]
    store.asked.clear()
    fetched = there.read(HEALTH.name, there.partitions(HEALTH.name), schema=SCHEMA)
    assert fetched["channel"].to_pylist() == ["crafts", "histories", "crafts"]
    assert [path for method, path in store.asked if path != "/marts"] == ["/marts/factory/health/2026-11-19.parquet"]


def test_duckdb_asks_the_bucket_as_it_asks_a_folder(store: FakeBucket, tmp_path: Path) -> None:
    MartBucket("marts", tmp_path / "here").write(HEALTH.name, "2026-11-20", rows("crafts"))
    with opened_marts(MartBucket("marts", tmp_path / "there")) as connection:
        assert answer(connection, "SELECT channel FROM factory_health").to_pylist() == [{"channel": "crafts"}]
        assert answer(connection, "FROM engagement_daily").num_rows == 0


def test_charts_lie_beside_the_marts(store: FakeBucket, tmp_path: Path) -> None:
    files = MartBucket("marts", tmp_path)
    files.write_charts("2026-11-16", "all", {"approval_rate": b"a picture"})
    assert store.objects == {"/marts/charts/2026-11-16/all/approval_rate.png": b"a picture"}
    assert files.chart_names("2026-11-16", "all") == ["approval_rate"]
    elsewhere = MartBucket("marts", tmp_path / "elsewhere")
    assert elsewhere.chart("2026-11-16", "all", "approval_rate") == b"a picture"
    assert elsewhere.chart("2026-11-16", "all", "unknown") is None
    store.refuses["GET"] = (403, "AccessDenied")
    with pytest.raises(StoreError, match="AccessDenied"):
        elsewhere.chart("2026-11-16", "all", "approval_rate")


def test_a_refused_upload_hides_keys_and_keeps_the_old_object(store: FakeBucket, tmp_path: Path) -> None:
    files = MartBucket("marts", tmp_path)
    path = files.write(HEALTH.name, "2026-11-20", rows("crafts"))
    before = (path.read_bytes(), dict(store.objects))
    store.refuses["PUT"] = (403, "AccessDenied")
    with pytest.raises(StoreError, match="AccessDenied") as caught:
        files.write(HEALTH.name, "2026-11-20", rows("histories"))
    assert "DAYREEL_MARTS_BUCKET" in caught.value.next_step
    assert SECRET not in str(caught.value)
    assert (path.read_bytes(), store.objects) == before
    store.refuses["GET"] = (404, "NoSuchBucket")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        files.partitions(HEALTH.name)


def test_an_object_that_is_not_a_partition_is_never_downloaded(store: FakeBucket, tmp_path: Path) -> None:
    store.objects["/marts/factory/health/../../../../escape.parquet"] = b"not ours"
    store.objects["/marts/factory/health/notes.txt"] = b"not ours"
    assert MartBucket("marts", tmp_path / "copy").partitions(HEALTH.name) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("place", ["s3://marts", "Marts", "m", "marts/../other/..", ""])
def test_what_is_no_bucket_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a valid bucket"):
        MartBucket(place, tmp_path)


def test_the_environment_says_where_the_marts_are(tmp_path: Path) -> None:
    plain = Settings(_env_file=None, root=tmp_path)
    assert open_mart_files(plain).root == tmp_path / "var" / "marts"
    in_a_bucket = open_mart_files(plain.model_copy(update={"marts_bucket": "marts/team"}))
    assert isinstance(in_a_bucket, MartBucket)
    assert in_a_bucket.root == tmp_path / "var" / "marts_copy" / "marts" / "team"
