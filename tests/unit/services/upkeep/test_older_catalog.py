"""An older catalog is put back, or the catalog is lost, while the content folders stay: nothing goes out twice."""

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dayreel.errors import DayreelError, GateClosedError, StoreError, UsageError
from dayreel.queries.config import read_config
from dayreel.queries.contents import status_of
from dayreel.queries.holds import holds
from dayreel.queries.rows import costs_of
from dayreel.services.configure import write_config
from dayreel.services.effects.ledger import EffectLedger
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.chores import due_chores
from dayreel.services.upkeep.due_work import due_posts
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.services.upkeep.recover import recover, release
from dayreel.stores.catalog.changes import CONTENT_TABLES
from dayreel.stores.catalog.content_rows import read_content_rows
from dayreel.stores.catalog.epoch import begin_epoch
from dayreel.stores.catalog.tables import content, metadata
from tests.fakes.platform import FakePlatform
from tests.fakes.project import DAY, channel_of, content_row, reviewable
from tests.fakes.rows import add_effect

MakeProject = Callable[..., Project]
DAYS = {DAY.isoformat()}


def catalog_file(project: Project) -> Path:
    return Path(project.settings.catalog.removeprefix("sqlite:///"))


def take_copy(project: Project, to: Path) -> Path:
    """Copy the catalog's file as it is now, as somebody who stops everything first would."""
    project.catalog.close()
    return Path(shutil.copy(catalog_file(project), to))


def lose(project: Project) -> None:
    project.catalog.close()
    for file in catalog_file(project).parent.glob("catalog.db*"):
        file.unlink()


def put_back(project: Project, copy: Path) -> None:
    lose(project)
    shutil.copy(copy, catalog_file(project))


def tick(project: Project, platform: FakePlatform) -> None:
    """Do what the sensors do in one round: look up what is in doubt, publish what is due."""
    reconcile(project)
    for due in due_posts(project, days=DAYS):
        try:
            channel = channel_of(project, due.channel)
            publish_post(project, channel, due.content_id, due.platform, provider=platform)
        except DayreelError:
            continue


def approved(project: Project, **more: Any) -> str:
    content_id = reviewable(project, **more).id
    decide(project, content_id, "edited", by="ana", via="desk", caption="Other words")
    decide(project, content_id, "approved", by="ana", via="desk")
    return content_id


def posted(project: Project, platform: FakePlatform) -> str:
    content_id = approved(project)
    publish_post(project, channel_of(project), content_id, "instagram", provider=platform)
    return content_id


def rows(project: Project, content_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return every row of a content, but for the number of changes, which goes on counting."""
    with project.catalog.read() as connection:
        content_rows = read_content_rows(connection, content_id)
    for row in content_rows["content"]:
        del row["change_number"], row["change_token"]
    return content_rows


def test_an_older_catalog_posts_nothing_again(make_project: MakeProject, tmp_path: Path) -> None:
    platform = FakePlatform()
    project = make_project(providers={"instagram": platform})
    content_id = approved(project)
    older = take_copy(project, tmp_path / "older.db")
    publish_post(project, channel_of(project), content_id, "instagram", provider=platform)
    put_back(project, older)

    after = make_project(providers={"instagram": platform})
    for _ in range(3):
        tick(after, platform)
        after.clock.move(minutes=11)  # type: ignore[attr-defined]

    assert len(platform.world.live) == 1
    assert content_row(after, content_id).state == "posted"


def test_an_older_catalog_holds_until_it_was_brought_back(make_project: MakeProject, tmp_path: Path) -> None:
    """Another content's acts are missing as well: what is due there waits, and says why."""
    platform = FakePlatform()
    project = make_project(channels={"crafts": {}, "glass": {}}, providers={"instagram": platform})
    other = approved(project, name="glass", video=b"of glass")
    older = take_copy(project, tmp_path / "older.db")
    posted(project, platform)
    put_back(project, older)

    after = make_project(channels={"crafts": {}, "glass": {}}, providers={"instagram": platform})
    assert due_posts(after, days=DAYS) == []
    with pytest.raises(GateClosedError, match="does not know everything that was sent"):
        publish_post(after, channel_of(after, "glass"), other, "instagram", provider=platform)
    assert [chore.name for chore in due_chores(after, targets=everything_to("inbox"))][:1] == ["reconcile"]
    after.clock.move(minutes=11)  # type: ignore[attr-defined]
    tick(after, platform)
    assert len(platform.world.live) == 2
    assert not holds(after).is_of_other_time


def test_a_rejection_after_the_backup_still_counts(make_project: MakeProject, tmp_path: Path) -> None:
    platform = FakePlatform()
    project = make_project(providers={"instagram": platform})
    content_id = approved(project)
    older = take_copy(project, tmp_path / "older.db")
    decide(project, content_id, "rejected", by="ben", via="desk")
    put_back(project, older)

    after = make_project(providers={"instagram": platform})
    tick(after, platform)

    assert platform.world.live == []
    assert content_row(after, content_id).state == "rejected"


def test_a_lost_catalog_comes_back_equal(make_project: MakeProject) -> None:
    platform = FakePlatform()
    project = make_project(providers={"instagram": platform})
    content_id = posted(project, platform)
    add_effect(project.catalog, content_id, state="confirmed", settled_usd=Decimal("0.25"), attempts=1)
    before, status = rows(project, content_id), status_of(project).contents
    lose(project)

    after = make_project(providers={"instagram": platform})
    recovered = recover(after, force=True)

    assert recovered is not None
    assert rows(after, content_id) == before
    assert status_of(after).contents == status
    tick(after, platform)
    assert len(platform.world.live) == 1


def test_after_a_loss_a_render_keeps_its_caption(make_project: MakeProject) -> None:
    """Without a word from anybody: the day is simply made again."""
    project = make_project()
    content_id = approved(project)
    lose(project)

    after = make_project()
    row = reviewable(after, video=b"another video")

    assert (row.id, row.caption, row.revision) == (content_id, "Other words", 2)


def test_rows_take_new_numbers_where_others_have_them(make_project: MakeProject, tmp_path: Path) -> None:
    """Between the older catalog's return and its repair another content was begun."""
    platform = FakePlatform()
    channels: dict[str, Any] = {"crafts": {}, "glass": {}}
    project = make_project(channels=channels, providers={"instagram": platform})
    older = take_copy(project, tmp_path / "older.db")
    content_id = posted(project, platform)
    before = rows(project, content_id)
    put_back(project, older)
    after = make_project(channels=channels, providers={"instagram": platform})
    other = approved(after, name="glass", video=b"of glass")
    add_effect(after.catalog, other, kind="notification", target="inbox")

    recover(after)

    now = rows(after, content_id)
    assert [row["caption"] for row in now["decisions"]] == [row["caption"] for row in before["decisions"]]
    (post,), (effect,) = now["platform_posts"], now["effects"]
    assert post["effect_id"] == effect["id"] != before["effects"][0]["id"]
    assert post["decision_id"] in {row["id"] for row in now["decisions"]}
    assert len(rows(after, other)["decisions"]) == 2


def test_what_nobody_knows_holds_until_a_person_looked(make_project: MakeProject, tmp_path: Path) -> None:
    """Catalog and folder are both lost: a content of that day must not be bought or posted by itself."""
    platform = FakePlatform()
    channels: dict[str, Any] = {"crafts": {}, "glass": {}}
    project = make_project(channels=channels, providers={"instagram": platform})
    other = approved(project, name="glass", video=b"of glass")
    older = take_copy(project, tmp_path / "older.db")
    content_id = posted(project, platform)
    put_back(project, older)
    shutil.rmtree(project.contents.folder(content_id))

    after = make_project(channels=channels, providers={"instagram": platform})
    recovered = recover(after)

    assert recovered is not None
    assert (recovered.sends, recovered.missing) == (0, 1)
    assert "0 of 1 acts are accounted for; 1 (100.0 %) take a person's word." in recovered.sentences()
    assert [hold.target for hold in holds(after).vendors] == ["fal", "instagram"]
    with pytest.raises(GateClosedError, match="1 acts were sent that are in neither"):
        publish_post(after, channel_of(after, "glass"), other, "instagram", provider=platform)
    release(after, "instagram", by="ana", note="looked at the profile")
    publish_post(after, channel_of(after, "glass"), other, "instagram", provider=platform)
    assert len(platform.world.live) == 2
    assert [hold.target for hold in holds(after).vendors] == ["fal"]
    with pytest.raises(UsageError, match="Held now: fal"):
        release(after, "instagram", by="ana")


def test_a_manifest_alone_brings_back_words_and_costs(make_project: MakeProject) -> None:
    """As of a project from before there were copies; who decided and what is out nobody can say."""
    project = make_project()
    content_id = approved(project)
    project.contents.update(
        content_id,
        stages={
            "ideas": project.contents.manifest(content_id)
            .stages["ideas"]
            .model_copy(update={"cost_usd": Decimal("0.0123"), "effect_ids": (1, 2)})
        },
    )
    (project.contents.folder(content_id) / "catalog.json").unlink()
    lose(project)

    after = make_project()
    recovered = recover(after, force=True)

    assert recovered is not None
    assert recovered.from_manifest == (content_id,)
    row = content_row(after, content_id)
    assert (row.state, row.caption) == ("review_pending", "Clay, patience")
    with after.catalog.read() as connection:
        assert costs_of(connection, [content_id]) == {content_id: {"idea": Decimal("0.012300")}}
    assert [hold.target for hold in holds(after).vendors] == ["fal", "instagram"]


def test_what_people_set_comes_back_with_the_contents(make_project: MakeProject) -> None:
    """A kill switch that is off stays off, whatever became of the catalog."""
    platform = FakePlatform()
    project = make_project(providers={"instagram": platform})
    posted(project, platform)
    with project.catalog.write() as connection:
        write_config(connection, "switch", "off", by="ana", at=project.clock.now())
    lose(project)

    after = make_project(providers={"instagram": platform})
    recover(after)

    with after.catalog.read() as connection:
        assert read_config(connection, "switch").value == "off"


def test_nothing_is_sent_while_its_copy_cannot_be_written(make_project: MakeProject) -> None:
    platform = FakePlatform()
    project = make_project(providers={"instagram": platform})
    content_id = approved(project)
    copy = project.contents.folder(content_id) / "catalog.json"
    copy.unlink()
    copy.mkdir()

    with pytest.raises(StoreError, match=r"catalog\.json"):
        publish_post(project, channel_of(project), content_id, "instagram", provider=platform)
    assert platform.world.live == []
    copy.rmdir()
    publish_post(project, channel_of(project), content_id, "instagram", provider=platform)
    assert len(platform.world.live) == 1


def test_an_epoch_begun_before_a_crash_is_written_down(make_project: MakeProject) -> None:
    """The process that brought a catalog back died between its transaction and the file beside the contents."""
    platform = FakePlatform()
    project = make_project(providers={"instagram": platform})
    approved(project)
    tick(project, platform)
    with project.catalog.write("money") as connection:
        begun = begin_epoch(connection, "brought back", at=project.clock.now())
    project.copies.write_project()
    assert project.copies.epoch() == begun


def test_a_copy_that_is_ahead_wins_over_a_change(make_project: MakeProject) -> None:
    project = make_project()
    content_id = approved(project)
    copy = project.contents.folder(content_id) / "catalog.json"
    ahead = json.loads(copy.read_text())
    ahead["content"][0] |= {"change_number": ahead["content"][0]["change_number"] + 1, "topic": "of the copy"}
    copy.write_text(json.dumps(ahead))

    with project.catalog.write() as connection:
        connection.execute(update(content).where(content.c.id == content_id).values(topic="another"))

    assert content_row(project, content_id).topic == "of the copy"
    assert json.loads(copy.read_text())["content"][0]["topic"] == "of the copy"


def test_every_table_about_a_content_is_copied() -> None:
    about = {table for table in metadata.tables.values() if "content_id" in table.c}
    assert about - set(CONTENT_TABLES) == set()


def test_a_ledger_without_folders_needs_no_copies(make_project: MakeProject) -> None:
    project = make_project()
    ledger = EffectLedger(project.catalog, project.clock, world="sandbox", timezone="UTC")
    assert ledger.get(add_effect(project.catalog, reviewable(project).id)).state == "unknown"
