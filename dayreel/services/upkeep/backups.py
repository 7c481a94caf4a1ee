"""Backups of the catalog: making one, one a day, and putting one back. What is in one is `stores.catalog.backup`.

Videos and manifests are files that any backup program can copy; `content/` is not a part of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from dayreel.errors import BusyError, UsageError
from dayreel.services.audit import note_act
from dayreel.services.project import Project
from dayreel.services.upkeep.recover import Recovered, recover
from dayreel.stores.catalog.backup import BackupFacts, backup_facts, opened_backup, put_rows_back, write_backup
from dayreel.stores.catalog.content_rows import row_from_json
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import content, effects, epochs

KEPT_DAYS: Final = 14
"""So many daily backups are kept; those that a person made are never removed."""
_DAILY: Final = "daily-*.db"


@dataclass(frozen=True)
class Backup:
    """A backup that was made; `copied` contents had no copy beside their files, or an older one, and have one now."""

    path: Path
    size_bytes: int
    contents: int
    copied: int


@dataclass(frozen=True)
class Restored:
    """What was put back, and what was found beside the contents after it. `before` is the catalog as it was."""

    facts: BackupFacts
    before: Path | None
    recovered: Recovered


def make_backup(project: Project, to: Path, *, name: str = "") -> Backup:
    """Write a backup to a new file, or into a folder under a name with the time; others may keep working.

    Raises:
        UsageError: there is a file of that name already.
        StoreError: the catalog cannot be read, or there is no room.
    """
    now = project.clock.now()
    dest = to / (name or f"catalog-{now:%Y%m%d-%H%M%S}.db") if to.is_dir() or not to.suffix else to
    if dest.exists():
        raise UsageError(f"There is a file {str(dest)!r} already.", next_step="Name another one; nothing was written.")
    # A content without a copy would come back from its manifest alone, which does not say who decided what.
    copied = project.copies.catch_up()
    write_backup(project.catalog, dest)
    with project.catalog.write() as connection:
        contents = connection.execute(select(func.count()).select_from(content)).scalar_one()
        note_act(connection, "backup", str(dest), actor=project.actor, at=now, via="cli")
    return Backup(dest, dest.stat().st_size, contents, copied)


def is_backup_due(project: Project) -> bool:
    """Return whether the folder of daily backups, where one is set, has none of the last day.

    The folder is asked, not the audit: a backup that a person made elsewhere, or one that is gone, postpones none.
    """
    folder = project.settings.backup_dir
    if folder is None:
        return False
    since = project.clock.now() - timedelta(days=1)
    return all(old.name <= _daily_name(since) for old in folder.glob(_DAILY))


def make_daily_backup(project: Project) -> list[str]:
    """Make the day's backup and remove the oldest ones; return a sentence."""
    folder = project.settings.backup_dir
    if folder is None or not is_backup_due(project):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    made = make_backup(project, folder, name=_daily_name(project.clock.now()))
    for old in sorted(folder.glob(_DAILY))[:-KEPT_DAYS]:
        old.unlink()
    return [f"backup: {made.contents} contents in {made.path}"]


def _daily_name(at: datetime) -> str:
    return f"daily-{at:%Y%m%d-%H%M%S}.db"


def restore_backup(project: Project, source: Path, *, by: str) -> Restored:
    """Put a backup back in one transaction, then take over what the copies beside the contents know more.

    So does the kill switch, with the other settings: what stands beside the contents is newer than the backup.

    Raises:
        StoreError: the file is not a usable backup; nothing was changed.
        UsageError: it is another project's.
        BusyError: somebody is just buying or posting; stop it first.
    """
    now = project.clock.now()
    with opened_backup(source) as backup:
        facts = backup_facts(backup)
        _refuse_anothers(project, backup, source)
        before = _keep_present(project, now)
        with project.catalog.write("money") as connection:
            # Its row would be gone when the answer comes, and with it the id of what was bought.
            for row in connection.execute(select(effects).where(effects.c.state == "sent")).mappings().all():
                if project.ledger.is_at_work(connection, row):
                    raise BusyError(
                        f"Effect {row['id']} ({row['kind']} at {row['target']}) is being sent right now.",
                        next_step="Stop dayreel, or wait until it is done; nothing was restored.",
                    )
            put_rows_back(connection, backup)
            detail = {"contents": facts.contents, "newest": str(facts.newest_at)}
            note_act(connection, "restore", str(source), actor=by, at=now, via="cli", detail=detail)
    recovered = recover(project, reason=f"restored from {source.name}", force=True, after_restore=True)
    assert recovered is not None  # noqa: S101  forced
    return Restored(facts, before, recovered)


def _refuse_anothers(project: Project, backup: Catalog, source: Path) -> None:
    """Refuse a backup of another project: its acts would be counted as this one's, and hide what is missing."""
    theirs, their_tokens = _begun_in(backup)
    ours, our_tokens = _begun_in(project.catalog)
    outside = project.copies.epoch()
    our_tokens |= {outside.token} if outside else set()
    if not theirs or theirs & ours or their_tokens & our_tokens:
        return
    folders = project.contents.content_ids()
    rows = [row_from_json(content, rows["content"][0]) for name in folders if (rows := project.copies.read(name))]
    has_something = bool(ours or our_tokens or rows)
    if has_something and not theirs & {(row["id"], row["created_at"]) for row in rows}:
        raise UsageError(
            f"{str(source)!r} is a backup of another project: none of its {len(theirs)} contents was begun here.",
            next_step="Restore it into that project, or into an empty one; nothing was changed.",
        )


def _begun_in(catalog: Catalog) -> tuple[set[tuple[str, datetime]], set[str]]:
    """Return each content with when it was begun, and the tokens of the epochs."""
    with catalog.read() as connection:
        begun = {(row.id, row.created_at) for row in connection.execute(select(content.c.id, content.c.created_at))}
        return begun, set(connection.execute(select(epochs.c.token)).scalars())


def _keep_present(project: Project, now: datetime) -> Path | None:
    with project.catalog.read() as connection:
        if not connection.execute(select(func.count()).select_from(content)).scalar():
            return None
    dest = project.settings.var_dir / "backups" / f"before-restore-{now:%Y%m%d-%H%M%S-%f}.db"
    write_backup(project.catalog, dest)
    return dest
