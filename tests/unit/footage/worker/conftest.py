"""A shared folder with one clip, jobs for it, and a worker that does them in this process."""

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from dayreel.clock import SystemClock
from dayreel.errors import DayreelError
from dayreel.footage.schemas.job import JobFile, JobSpec
from dayreel.footage.stores.job_queue import JobInfo, JobQueue, job_id
from dayreel.footage.stores.plan import load_plan, start_library
from dayreel.footage.worker.attempt import Ended
from dayreel.footage.worker.loop import work
from dayreel.media.ffmpeg_binary import find_ffmpeg

LEAF = "Film_2001"
WITHIN_S = 300.0


@dataclass
class SharedFolder:
    """A shared folder and what its workers have logged."""

    root: Path
    ffmpeg: Path
    clock: SystemClock = field(default_factory=SystemClock)
    stop: threading.Event = field(default_factory=threading.Event)
    submitted: list[JobSpec] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    troubles: list[DayreelError] = field(default_factory=list)

    @property
    def queue(self) -> JobQueue:
        return JobQueue(self.root, clock=self.clock)

    def plan(self, **fields: Any) -> None:
        (self.root / "library.yaml").write_text(yaml.safe_dump(fields))

    def put(self, source: Path, name: str = "film.mp4", stage: str = "1-ripped") -> Path:
        path = self.root / stage / "movies" / LEAF / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        return path

    def submit(self, role: str, *inputs: Path, **wishes: Any) -> JobSpec:
        stage = {"remux": "2-remuxed", "transcode": "3-transcoded", "file": "4-library"}[role]
        folder = f"{stage}/movies/{LEAF}" if role != "file" else stage
        now = self.clock.now() + timedelta(seconds=len(self.submitted))  # a job's id goes by the second
        spec = JobSpec(
            job=job_id(created_at=now, role=role, item_id="movie-film_2001"),
            role=role,
            item_id="movie-film_2001",
            inputs=tuple(
                JobFile(
                    path=path.relative_to(self.root).as_posix(),
                    size_bytes=path.stat().st_size,
                    sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                )
                for path in inputs
            ),
            output_dir=folder,
            marker_dir=f"{folder}/.pipeline" if role != "file" else "4-library/.pipeline/movie-film_2001",
            created_at=now,
            created_by="test",
            **wishes,
        )
        assert self.queue.submit(spec)
        self.submitted.append(spec)
        return spec

    def work(self, *roles: str, name: str = "attic") -> Ended | None:
        """Let a worker do one job; return how it ended, or None when there was none for it."""
        before = len(self.ended)
        work(
            self.root,
            roles or ("remux", "transcode", "file"),
            name,
            read_plan=load_plan,
            ffmpeg=self.ffmpeg,
            clock=self.clock,
            stop=self.stop,
            report=self.ended.append,
            notify_trouble=self.troubles.append,
            once=True,
        )
        assert not self.troubles
        return self.ended[-1] if len(self.ended) > before else None

    def must_end(self, outcome: str) -> str:
        """Let a worker do one job, hold it to its outcome, and return what it said."""
        ended = self.work()
        assert ended is not None
        assert ended.outcome == outcome, ended.detail
        return ended.detail

    @contextmanager
    def working(self, name: str = "attic") -> Iterator[None]:
        """Let a worker do one job in the background; the block ends once it has."""
        thread = threading.Thread(target=self.work, kwargs={"name": name})
        thread.start()
        try:
            yield
        finally:
            thread.join(WITHIN_S)
        assert not thread.is_alive()

    def find(self, spec: JobSpec) -> JobInfo:
        info = self.queue.find(spec.job)
        assert info is not None
        return info

    def leftovers(self) -> list[str]:
        """What attempts have left aside, anywhere."""
        return [path.name for aside in self.root.glob("*/.aside") for path in aside.iterdir()]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of a test picture with two languages of sound."""
    path = tmp_path_factory.mktemp("footage") / "clip.mp4"
    picture = "testsrc=s=96x64:r=24:d=1"
    command = f"-f lavfi -i {picture} -f lavfi -i sine=d=1 -map 0 -map 1 -map 1 -c:v libx264 -g 6 -pix_fmt yuv420p"
    labels = "-c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra"
    ffmpeg = find_ffmpeg()
    subprocess.run([ffmpeg, "-v", "error", *command.split(), *labels.split(), path], check=True, timeout=60)
    return path


@pytest.fixture
def shared(tmp_path: Path) -> SharedFolder:
    root = tmp_path / "shared"
    start_library(root)
    return SharedFolder(root, find_ffmpeg())
