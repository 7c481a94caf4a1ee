"""A backup holds everything, goes back into either database, and what was sent after it is not sent again."""

import shutil
import sqlite3
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from dayreel.errors import BusyError, StoreError, UsageError
from dayreel.processes import owner_of
from dayreel.queries.holds import holds
from dayreel.queries.rows import newest_backup_at
from dayreel.services.configure import write_config
from dayreel.services.desk.sessions import Sessions
from dayreel.services.desk.users import Users
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.setting_up.examine import check_backup
from dayreel.services.upkeep.backups import KEPT_DAYS, make_backup, restore_backup
from dayreel.services.upkeep.chores import do_chore, due_chores
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import acts, holders, metadata, oauth_tokens, sessions
from tests.fakes.clock import NINE
from tests.fakes.desk import QUICK
from tests.fakes.notifier import FakeNotifier
from tests.fakes.platform import FakePlatform
from tests.fakes.project import channel_of, content_row
from tests.fakes.rows import add_content, add_effect
from tests.unit.services.upkeep.test_older_catalog import approved, lose, posted, rows, tick

MakeProject = Callable[..., Project]


def everything(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    """Return every row but those that a backup adds or leaves out."""
    left_out = (acts, sessions, holders, metadata.tables["epochs"])
    with catalog.read() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
            if table not in left_out
        }


def test_a_restored_backup_is_equal(make_project: MakeProject, catalog: Catalog, tmp_path: Path) -> None:
    """On both databases: what is in it by then goes, and numbers continue from the highest."""
    project = make_project(catalog=catalog)
    content_id = posted(project, FakePlatform())
    with catalog.write() as connection:
        write_config(connection, "cap.day_usd", "7.00", by="ana", at=NINE)
    before = everything(catalog)
    made = make_backup(project, tmp_path / "backups")
    add_content(catalog, "crafts-2026-11-21")
    add_effect(catalog, "crafts-2026-11-21")

    restored = restore_backup(project, made.path, by="ana")

    assert restored.facts.contents == 1
    assert (restored.recovered.missing, restored.recovered.holds) == (0, ())
    assert everything(catalog) == before
    assert add_effect(catalog, content_id, sequence=9) > before["effects"][-1]["id"]
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600


@pytest.mark.postgres
def test_a_backup_goes_into_the_other_database(
    make_project: MakeProject, sqlite_catalog: Catalog, postgres_url: str, tmp_path: Path
) -> None:
    from tests.fakes.catalogs import fresh_catalog

    project = make_project(catalog=sqlite_catalog)
    posted(project, FakePlatform())
    made = make_backup(project, tmp_path / "catalog.db")
    other = make_project(catalog=fresh_catalog(postgres_url))

    restore_backup(other, made.path, by="ana")

    assert everything(other.catalog) == everything(sqlite_catalog)


def test_what_was_sent_after_a_backup_is_not_sent_again(make_project: MakeProject, tmp_path: Path) -> None:
    platform = FakePlatform()
    project = make_project(providers={"instagram": platform})
    content_id = approved(project)
    made = make_backup(project, tmp_path)
    publish_post(project, channel_of(project), content_id, "instagram", provider=platform)
    before = rows(project, content_id)

    restored = restore_backup(project, made.path, by="ana")

    assert restored.recovered.adopted == (content_id,)
    assert rows(project, content_id) == before
    tick(project, platform)
    assert len(platform.world.live) == 1
    assert restored.before is not None
    with sqlite3.connect(restored.before) as database:
        assert database.execute("SELECT state FROM platform_posts").fetchall() == [("posted",)]


def test_a_restore_without_folders_holds_everything(make_project: MakeProject, tmp_path: Path) -> None:
    """As on a new machine: nothing there says what was sent since."""
    project = make_project(tmp_path / "old")
    approved(project)
    made = make_backup(project, tmp_path)

    other = make_project(tmp_path / "new")
    restore_backup(other, made.path, by="ana")

    assert [hold.target for hold in holds(other).vendors] == ["fal", "instagram"]


def test_another_projects_backup_is_refused(make_project: MakeProject, tmp_path: Path) -> None:
    """Its acts would be counted as ours, and what is missing here would go out again."""
    theirs = make_project(tmp_path / "theirs", channels={"glass": {}})
    approved(theirs, name="glass")
    foreign, project = make_backup(theirs, tmp_path), make_project(tmp_path / "ours")
    content_id = posted(project, FakePlatform())
    with pytest.raises(UsageError, match="is a backup of another project: none of its 1 contents was begun here"):
        restore_backup(project, foreign.path, by="ana")
    assert content_row(project, content_id).state == "posted"
    own = make_backup(project, tmp_path / "own")
    lose(project)
    after = make_project(tmp_path / "ours")
    assert restore_backup(after, own.path, by="ana").recovered.missing == 0


def test_nothing_is_restored_while_something_is_sent(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    made = make_backup(project, tmp_path)
    content_id = add_content(project.catalog)
    add_effect(project.catalog, content_id, state="sent", owner=owner_of(1))

    with pytest.raises(BusyError, match="is being sent right now"):
        restore_backup(project, made.path, by="ana")
    assert content_row(project, content_id).id == content_id


@pytest.mark.parametrize("written", [b"", b"not a database", b"SQLite format 3\x00" + b"\x00" * 4000])
def test_what_is_not_a_backup_changes_nothing(make_project: MakeProject, tmp_path: Path, written: bytes) -> None:
    project = make_project()
    content_id = add_content(project.catalog)
    (tmp_path / "other.db").write_bytes(written)
    for path in (tmp_path / "other.db", tmp_path / "nowhere.db"):
        with pytest.raises(StoreError, match="as a backup of a catalog"):
            restore_backup(project, path, by="ana")
    assert content_row(project, content_id).id == content_id


def test_a_backup_overwrites_no_file(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "there.db").write_text("something")
    with pytest.raises(UsageError, match="already"):
        make_backup(make_project(), tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "something"


def test_renewed_tokens_stay_and_logins_do_not_return(make_project: MakeProject, tmp_path: Path) -> None:
    """A renewal ends the token before it, so an older one would be none."""
    project = make_project()
    token = {"vendor": "tiktok", "obtained_at": NINE, "seed_sha256": "s", "updated_at": NINE}
    with project.catalog.write() as connection:
        connection.execute(insert(oauth_tokens).values(**token, access_sealed="older"))
    made = make_backup(project, tmp_path)
    with project.catalog.write() as connection:
        connection.execute(oauth_tokens.update().values(access_sealed="newer"))

    restore_backup(project, made.path, by="ana")

    with project.catalog.read() as connection:
        assert connection.execute(select(oauth_tokens.c.access_sealed)).scalars().all() == ["newer"]
        assert connection.execute(select(func.count()).select_from(sessions)).scalar() == 0


def test_a_restore_gives_no_rights_back(make_project: MakeProject, tmp_path: Path) -> None:
    """What was taken since the backup stays taken, and so does the record of it."""
    project = make_project()
    people, logins = Users(project.catalog, project.clock, hasher=QUICK), Sessions(project.catalog, project.clock)
    for name, role in (("Ana", "admin"), ("Ben", "operator"), ("Carl", "admin")):
        people.add(name, role, by="test")
    token = logins.make_token(people.named("Ana"), "leaked", by="test")
    made = make_backup(project, tmp_path)
    logins.revoke_token(1, user_id=people.named("Ana").id, by="Ana")
    people.change_role("Ben", "viewer", by="Ana")
    people.disable("Carl", by="Ana")
    with project.catalog.read() as connection:
        before = connection.execute(select(acts).order_by(acts.c.id)).all()

    restore_backup(project, made.path, by="ana")

    assert logins.bearer(token) is None
    assert [(user.name, user.role, user.disabled_at is not None) for user in people.list()] == [
        ("Ana", "admin", False),
        ("Ben", "viewer", False),
        ("Carl", "admin", True),
    ]
    with project.catalog.read() as connection:
        assert connection.execute(select(acts).order_by(acts.c.id)).all()[:-1] == before, "and the restore after them"

    elsewhere = make_project(tmp_path / "new")
    Users(elsewhere.catalog, elsewhere.clock, hasher=QUICK).add("Zoe", "admin", by="test")
    restore_backup(elsewhere, made.path, by="ana")
    assert [user.name for user in Users(elsewhere.catalog, elsewhere.clock).list()] == ["Ana", "Ben", "Carl"]


def test_a_restore_keeps_what_is_held(make_project: MakeProject, catalog: Catalog, tmp_path: Path) -> None:
    """A person has to look, whatever backup comes back meanwhile; a lost catalog knows it as well."""
    project = make_project(catalog=catalog)
    approved(project)
    made = make_backup(project, tmp_path)
    posted(project, FakePlatform())
    shutil.rmtree(project.contents.folder("crafts-2026-11-20"))
    restore_backup(project, made.path, by="ana")
    held = holds(project).vendors
    assert [hold.target for hold in held] == ["fal", "instagram"]

    restore_backup(project, made.path, by="ana")

    assert holds(project).vendors == held


def test_a_daily_backup_is_a_chore_where_a_folder_is_set(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    assert "backup" not in [chore.name for chore in due_chores(project, targets=everything_to("inbox"))]
    folder = tmp_path / "daily"
    settings = project.settings.model_copy(update={"backup_dir": folder})
    project = Project(settings, project.clock, project.catalog)
    for _ in range(KEPT_DAYS + 2):
        assert "backup" in [chore.name for chore in due_chores(project, targets=everything_to("inbox"))]
        assert do_chore(project, "backup", notifiers=everything_to(FakeNotifier()))
        assert "backup" not in [chore.name for chore in due_chores(project, targets=everything_to("inbox"))]
        project.clock.move(hours=23)  # type: ignore[attr-defined]
        make_backup(project, tmp_path)  # by hand: the day's own comes when it is due
        project.clock.move(hours=1)  # type: ignore[attr-defined]
    assert len(list(folder.iterdir())) == KEPT_DAYS
    shutil.rmtree(folder)
    assert "backup" in [chore.name for chore in due_chores(project, targets=everything_to("inbox"))]


@pytest.mark.slow
def test_a_backup_on_a_full_disk_leaves_nothing(make_project: MakeProject, catalog: Catalog, small_disk: Path) -> None:
    project = make_project(catalog=catalog)
    for take in range(1, 250):
        add_content(catalog, f"crafts-2026-11-20-t{take}" if take > 1 else "crafts-2026-11-20", caption="word " * 999)
    with pytest.raises(StoreError, match="Free some space") as full:
        make_backup(project, small_disk)
    assert "full" in full.value.message
    assert list(small_disk.iterdir()) == []
    with project.catalog.read() as connection:
        assert newest_backup_at(connection) is None


def test_a_backup_catches_up_with_missing_copies(make_project: MakeProject, tmp_path: Path) -> None:
    """As of contents from before there were copies."""
    project = make_project()
    content_id = approved(project)
    (project.contents.folder(content_id) / "catalog.json").unlink()

    assert make_backup(project, tmp_path).copied == 1
    assert project.copies.read(content_id) is not None


def test_doctor_warns_of_a_catalog_without_a_backup(make_project: MakeProject, tmp_path: Path) -> None:
    """From its second day on."""
    project = make_project()
    approved(project)
    settings, began = project.settings, project.clock.now()
    assert check_backup(settings, began) == []
    (check,) = check_backup(settings, began + timedelta(hours=25))
    assert (check.verdict, check.found) == ("warn", "the catalog has no backup of the last day: there is none")
    make_backup(project, tmp_path)
    assert check_backup(settings, began + timedelta(hours=23)) == []
    assert "2026-11-20 09:00 UTC" in check_backup(settings, began + timedelta(hours=25))[0].found
