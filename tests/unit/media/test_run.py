"""Running ffmpeg: deadline, clean environment, words of failure, and never half a file under a final name."""

import os
import subprocess
import sys
import time
from pathlib import Path

import ffmpeg as graph
import pytest

from dayreel.errors import MediaError, UnfinishedError
from dayreel.media.run import atomic_output, run_ffmpeg
from dayreel.process_guard import supervised
from tests.waiting import WITHIN_S, is_running, wait_until


def fake_ffmpeg(tmp_path: Path, script: str) -> Path:
    path = tmp_path / "fake-ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def noise(to: Path, seconds: int = 1) -> object:
    return graph.input(f"testsrc2=s=320x240:d={seconds}", f="lavfi").output(str(to), **{"c:v": "rawvideo", "f": "nut"})


def test_a_file_appears_whole_under_its_name(tmp_path: Path) -> None:
    dest = tmp_path / "a.txt"
    with atomic_output(dest, doing="write") as written:
        written.write_text("whole")
        assert not dest.exists()
        assert written.suffix == dest.suffix
    assert dest.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [dest]


def test_a_failure_leaves_no_trace_and_keeps_what_was_there(tmp_path: Path) -> None:
    dest = tmp_path / "a.txt"
    dest.write_text("before")

    def interrupted() -> None:
        with atomic_output(dest, doing="write") as written:
            written.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert dest.read_text() == "before"
    assert list(tmp_path.iterdir()) == [dest]


def test_day_old_leftovers_are_swept_and_younger_work_is_kept(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".a.mp4.part-old", ".a.mp4.part-new", ".b.mp4.part-old"))
    for folder in (old, young, other):
        folder.mkdir()
    days_ago = time.time() - 2 * 86_400
    os.utime(old, (days_ago, days_ago))
    os.utime(other, (days_ago, days_ago))
    with atomic_output(tmp_path / "a.mp4", doing="write") as written:
        written.write_text("x")
    assert not old.exists()
    assert young.exists()
    assert other.exists()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(MediaError, match="could not be written"),
        atomic_output(tmp_path / "file" / "a.mp4", doing="write"),
    ):
        pass


def test_a_full_disk_names_its_path_and_leaves_no_partial_file(small_disk: Path, ffmpeg: Path) -> None:
    dest = small_disk / "a.nut"
    with (
        pytest.raises(MediaError, match=r"the disk is full: '.*small' has \d+\.\d MB free"),
        atomic_output(dest, doing="make noise") as written,
    ):
        run_ffmpeg(noise(written), ffmpeg=ffmpeg, doing="make noise", folder=small_disk)
    assert list(small_disk.iterdir()) == []


def test_python_writing_to_a_full_disk_is_reported_alike(small_disk: Path) -> None:
    with (
        pytest.raises(MediaError, match="the disk is full"),
        atomic_output(small_disk / "a.jpg", doing="write a still") as written,
    ):
        written.write_bytes(bytes(2_000_000))
    assert list(small_disk.iterdir()) == []


def test_ffmpegs_own_words_for_a_full_disk_are_understood(tmp_path: Path) -> None:
    fake = fake_ffmpeg(tmp_path, 'echo "[error] Error writing trailer: No space left on device" >&2; exit 228')
    with pytest.raises(MediaError, match=r"the disk is full: .* MB free.*Make room"):
        run_ffmpeg(noise(tmp_path / "x"), ffmpeg=fake, doing="make noise", folder=tmp_path)


def test_an_error_ends_with_ffmpegs_own_words(tmp_path: Path, ffmpeg: Path) -> None:
    spec = graph.input(str(tmp_path / "missing.mp4")).output(str(tmp_path / "x.mp4"))
    with pytest.raises(MediaError, match=r"Tried to read it; ffmpeg ended with code .*missing.mp4.*No such file"):
        run_ffmpeg(spec, ffmpeg=ffmpeg, doing="read it", folder=tmp_path)


def test_a_run_past_its_deadline_is_ended(tmp_path: Path, ffmpeg: Path) -> None:
    endless = graph.input("testsrc2", f="lavfi", re=None).output("-", f="null")
    with pytest.raises(MediaError, match="was not done after 0 s and was ended"):
        run_ffmpeg(endless, ffmpeg=ffmpeg, doing="wait", folder=tmp_path, deadline_s=0.1)


def test_an_interrupted_caller_ends_ffmpeg(tmp_path: Path) -> None:
    fake = fake_ffmpeg(tmp_path, f'echo $$ > "{tmp_path}/pid"; echo out_time_us=500000; exec sleep 60')

    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ffmpeg(noise(tmp_path / "x"), ffmpeg=fake, doing="wait", folder=tmp_path, progress=interrupt, duration_s=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_secrets_of_the_environment_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "marked-token")
    fake = fake_ffmpeg(tmp_path, "env >&2")
    output = run_ffmpeg(noise(tmp_path / "x"), ffmpeg=fake, doing="look", folder=tmp_path)
    assert "PATH=" in output
    assert "marked-token" not in output


def test_progress_rises_to_one(tmp_path: Path, ffmpeg: Path) -> None:
    shares: list[float] = []
    run_ffmpeg(
        noise(tmp_path / "x.nut", 2), ffmpeg=ffmpeg, doing="go", folder=tmp_path, progress=shares.append, duration_s=2
    )
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0, abs=0.05)


def test_a_missing_ffmpeg_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"did not start: No such file.*dayreel doctor"):
        run_ffmpeg(noise(tmp_path / "x"), ffmpeg=tmp_path / "none", doing="go", folder=tmp_path)


def test_cancelled_work_ends_the_program_and_its_children(tmp_path: Path) -> None:
    fake = fake_ffmpeg(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child; wait")

    def called_off() -> None:
        if (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ffmpeg(noise(tmp_path / "a.nut"), ffmpeg=fake, doing="encode", folder=tmp_path, pulse=called_off)
    wait_until(lambda: not is_running(int((tmp_path / "child").read_text())))


def test_a_supervised_program_ends_even_if_its_parent_is_killed(tmp_path: Path) -> None:
    output = tmp_path / "output"
    program = fake_ffmpeg(tmp_path, f"echo $$ > {output}.new; mv {output}.new {output}; exec sleep 60")
    holding = (
        "import subprocess, sys, time; from dayreel.process_guard import supervised; "
        "subprocess.Popen(supervised(sys.argv[1:]), stdin=subprocess.PIPE); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holding, str(program)]) as holder:
        wait_until(output.exists)
        holder.kill()
    wait_until(lambda: not is_running(int(output.read_text())))


def test_a_program_ended_by_a_signal_may_be_tried_again(tmp_path: Path) -> None:
    killed = fake_ffmpeg(tmp_path, "kill -9 $$")
    with pytest.raises(UnfinishedError, match="was ended by signal 9"):
        run_ffmpeg(noise(tmp_path / "a.nut"), ffmpeg=killed, doing="encode", folder=tmp_path, pulse=lambda: None)


def test_a_supervised_program_passes_on_output_and_exit_code(tmp_path: Path) -> None:
    for code in (0, 3):
        program = fake_ffmpeg(tmp_path, f"echo hello; exit {code}")
        with subprocess.Popen(supervised([str(program)]), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.read() == b"hello\n"
            assert process.wait(WITHIN_S) == code  # its standard input is still held
