"""Whether a shared folder keeps the promises that the queue rests on, found out by trying each in a scratch folder.

What a host's cache may delay on NFS cannot be seen from one machine; docs/reference/worker-protocol.md says how to
mount.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from dayreel.clock import Clock
from dayreel.footage.stores.job_queue.queue_disk import GONE, TAKEN, QueueDisk
from dayreel.schemas.check import Check

_ROUNDS = 20
_LOOKS, _LOOK_EVERY_S = 40, 0.1
_OTHER_SHARE = "Keep the jobs on a file system that does: docs/reference/worker-protocol.md lists them."


def check_folder(root: Path, *, clock: Clock, disk: QueueDisk | None = None) -> list[Check]:
    """Try out a shared folder and return what was found, in a few hundredths of a second on a local one.

    Nothing stays behind. A step that the folder refuses altogether is a finding, not an exception.
    """
    disk = disk or QueueDisk()
    if not root.is_dir():
        step = "Mount it, or correct DAYREEL_LIBRARY."
        return [Check("shared folder", "fail", f"{root} is not there", step)]
    scratch = f"{root}/.dayreel-doctor-{secrets.token_hex(4)}"
    try:
        disk.make_directory(scratch)
    except OSError as error:
        return [Check("shared folder", "fail", f"{root}: {error.strerror}", "Give yourself the right to write.")]
    try:
        return list(_tried(scratch, clock, disk))
    finally:
        disk.remove_tree(scratch)


def _tried(scratch: str, clock: Clock, disk: QueueDisk) -> Iterator[Check]:
    tries: tuple[tuple[str, Callable[[str, Clock, QueueDisk], Check]], ...] = (
        ("exclusive create", _exclusive_create),
        ("rename", _rename),
        ("rename race", _rename_race),
        ("rename while written to", _rename_with_open_file),
        ("time of change", _time_of_change),
        ("folder's clock", _folder_clock),
        ("case of names", _case),
        ("folder fsync", _folder_fsync),
    )
    for name, attempt in tries:
        folder = f"{scratch}/{name.replace(' ', '-')}"
        try:
            disk.make_directory(folder)
            problem = attempt(folder, clock, disk)
        except OSError as error:
            problem = Check("", "fail", f"it refused: {error.strerror or error}", _OTHER_SHARE)
        yield Check(f"shared folder: {name}", problem.verdict, problem.found, problem.next_step)


def _ok(detail: str) -> Check:
    return Check("", "ok", detail)


def _fail(detail: str) -> Check:
    return Check("", "fail", detail, _OTHER_SHARE)


def _exclusive_create(folder: str, _: Clock, disk: QueueDisk) -> Check:
    disk.settle(disk.write_aside(f"{folder}/file", b""))
    disk.make_directory(f"{folder}/folder")
    agains: dict[str, Callable[[], None]] = {
        "file": lambda: disk.settle(disk.write_aside(f"{folder}/file", b"")),
        "folder": lambda: disk.make_directory(f"{folder}/folder"),
    }
    for what, again in agains.items():
        try:
            again()
        except FileExistsError:
            continue
        return _fail(f"the same {what} could be made twice")
    return _ok("what is there cannot be made again")


def _rename(folder: str, _: Clock, disk: QueueDisk) -> Check:
    """A claim, a claim by the second, and a move onto what is there already."""
    first, second, target = (f"{folder}/{name}" for name in ("first", "second", "target"))
    for source in (first, second):
        disk.make_directory(source)
        disk.overwrite(f"{source}/spec", source.encode())
    disk.replace(first, target)
    try:
        disk.replace(first, f"{folder}/elsewhere")
        return _fail("a folder could be moved twice")
    except OSError as error:
        if error.errno not in GONE:
            raise
    try:
        disk.replace(second, target)
    except OSError as error:
        if error.errno not in TAKEN:
            raise
        if disk.read(f"{target}/spec", limit_bytes=1000).raw == first.encode():
            return _ok("a folder moves once, and never onto one that is not empty")
    return _fail("a folder was moved over one that is not empty, which loses that")


def _rename_race(folder: str, _: Clock, disk: QueueDisk) -> Check:
    for number in range(_ROUNDS):
        source = f"{folder}/{number}"
        disk.make_directory(source)
        disk.overwrite(f"{source}/spec", b"x")
        won: list[int] = []

        def claim(who: int, source: str = source, won: list[int] = won) -> None:
            try:
                disk.replace(source, f"{source}-{who}")
                won.append(who)
            except OSError:
                return

        racers = [threading.Thread(target=claim, args=(who,)) for who in range(2)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        if len(won) != 1:
            return _fail(f"of two who moved the same folder at once, {len(won)} were answered that they had it")
    return _ok(f"of two at once, one wins ({_ROUNDS} times)")


def _rename_with_open_file(folder: str, _: Clock, disk: QueueDisk) -> Check:
    disk.make_directory(f"{folder}/job")
    fd = disk.write_aside(f"{folder}/job/heartbeat", b"alive")
    try:
        disk.replace(f"{folder}/job", f"{folder}/moved")
    except OSError as error:
        step = "Jobs are moved a little later then; keep virus scanners off it (docs/reference/worker-protocol.md)."
        return Check("", "warn", f"a folder in which a file is open cannot be moved: {error.strerror}", step)
    finally:
        disk.settle(fd)
    return _ok("an open file does not hold a folder back")


def _time_of_change(folder: str, clock: Clock, disk: QueueDisk) -> Check:
    path = f"{folder}/heartbeat"
    disk.overwrite(path, b"1")
    before, began = disk.changed_at(path), clock.monotonic()
    for _ in range(_LOOKS):
        disk.overwrite(path, b"2")
        if disk.changed_at(path) > before:
            return _ok(f"moves on with each heartbeat, seen after {clock.monotonic() - began:.2f} s")
        clock.sleep(_LOOK_EVERY_S)
    return _fail(f"did not move in {_LOOKS * _LOOK_EVERY_S:.0f} s of heartbeats, so every lease would end")


def _folder_clock(folder: str, clock: Clock, disk: QueueDisk) -> Check:
    disk.overwrite(f"{folder}/now", b"now")
    ahead_s = disk.changed_at(f"{folder}/now") - clock.now().timestamp()
    than = "ahead of" if ahead_s > 0 else "behind"
    return _ok(f"{abs(ahead_s):.1f} s {than} this machine's; leases go by the folder's alone")


def _case(folder: str, _: Clock, disk: QueueDisk) -> Check:
    disk.settle(disk.write_aside(f"{folder}/p5-T", b""))
    if disk.names(folder) != ["p5-T"]:
        return _fail(f"'p5-T' is listed as {disk.names(folder)}: names of jobs would not be known again")
    try:
        disk.settle(disk.write_aside(f"{folder}/p5-t", b""))
    except FileExistsError:
        step = "Films whose names differ in case alone need different names there."
        return Check("", "warn", "kept, but 'a' and 'A' are the same name", step)
    return _ok("kept, and distinguished")


def _folder_fsync(folder: str, _: Clock, disk: QueueDisk) -> Check:
    try:
        disk.settle_directory(folder)
    except OSError as error:
        step = "A power loss there may take the last moments' renames back; a job is then done again."
        return Check("", "warn", f"a folder's names cannot be made to last: {error.strerror}", step)
    return _ok("names can be made to last")
