"""What every test may ask for: an empty database of each kind, a catalog in it, a project factory, a tiny clip."""

import gc
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from dayreel.services.project import Project
    from dayreel.stores.catalog.engine import Catalog
    from tests.fakes.catalogs import PostgresServer

TESTS = Path(__file__).parent
# A property is wrong or right, however busy the machine is: an example has no deadline of its own.
settings.register_profile("dayreel", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dayreel")
# The same tests on both; the quick part of the suite is content with the one that needs no server.
BOTH = ["sqlite", pytest.param("postgres", marks=(pytest.mark.postgres, pytest.mark.slow))]


IN_MEMORY = Path("/dev/shm")
ROOM_IN_MEMORY = 4 * 2**30


def pytest_configure() -> None:
    """Hear Ctrl-C also where a shell has started the suite in the background, and had it ignored.

    Dagster does at SIGTERM what is done at SIGINT, and children inherit what is ignored: a worker that a test stops
    with SIGTERM would run for ever.

    The tests' folders are in memory where it has room and lets programs run: thousands of small databases wait for a
    disk otherwise, and it is the disk's speed that would be measured.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if IN_MEMORY.is_dir():
        memory = os.statvfs(IN_MEMORY)
        if not memory.f_flag & os.ST_NOEXEC and memory.f_bavail * memory.f_frsize > ROOM_IN_MEMORY:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import everything without collecting garbage, of which there is none yet: a third less time, on every worker.

    Afterwards it is looked for less often than Python does by itself, which was a twentieth of the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


# A worker takes a whole file at a time: the long ones come first, so that none is waited for at the end.
LONG_FIRST = ("world", "orchestration")
# No part of `make quick`: where Dagster, ffmpeg, the sandbox world or a terminal runs, and what makes media for itself.
SLOW_FOLDERS = frozenset({*LONG_FIRST, "soak", "media", "sandbox", "tui"})
SLOW_FIXTURES = frozenset({"postgres_server", "make_clip"})


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the slow folders where no slow test is wanted."""
    is_slow = TESTS in collection_path.parents and collection_path.name in SLOW_FOLDERS
    return True if is_slow and config.option.markexpr == "not slow" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is by where it stands or what it asks for, and put the tests of the long folders first."""
    for item in items:
        folders, asks_for = item.path.relative_to(TESTS).parts[:-1], getattr(item, "fixturenames", ())
        if SLOW_FOLDERS.intersection(folders) or SLOW_FIXTURES.intersection(asks_for):
            item.add_marker("slow")

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)

    items.sort(key=place)


_started: list[str] = []
"""The programs that this process has started since the present test began."""


_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})


def _note_processes(event: str, arguments: tuple[object, ...]) -> None:
    if event in _STARTS:  # this is asked at every import, every file that is opened and every name that is looked up
        _started.append(str(arguments[0]) if event == "subprocess.Popen" else event)


platform.processor()  # starts `uname` once in a process, for whoever asks first: an SDK in any test
sys.addaudithook(_note_processes)


@pytest.fixture(autouse=True)
def _nothing_started_yet(_ffmpeg_was_tried: None) -> None:
    """What a fixture of a wider scope has started is shared, and counts for no test."""
    _started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that has started a process without being slow, so that nobody has to remember the mark."""
    result = yield
    if _started and item.get_closest_marker("slow") is None:
        pytest.fail(f"It starts {_started[0]}, so it does not belong to `make quick`: mark it `pytest.mark.slow`.")
    return result


@pytest.fixture(scope="session")
def _ffmpeg_was_tried() -> None:
    """The ffmpeg that comes as a wheel is tried out once in a process, which is not a test's own doing."""
    from dayreel.media.ffmpeg_binary import find_ffmpeg

    find_ffmpeg()


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_this_machine() -> Iterator[None]:
    """A person's own settings, keys and proxies must not decide what a test sees."""
    ours = re.findall(r"^#?([A-Z0-9_]+)=", (TESTS.parent / ".env.example").read_text(), re.MULTILINE)
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name in ours or name.startswith(("DAYREEL_", "DAGSTER_", "AWS_")) or name.lower().endswith("_proxy"):
                environment.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def _databases_share_what_is_read_and_compiled() -> None:
    from tests.fakes.catalogs import share_compiled_statements, share_dagsters_engines, share_migrations

    share_compiled_statements()
    share_dagsters_engines()
    share_migrations()


@pytest.fixture(autouse=True)
def _connections_are_given_back() -> Iterator[None]:
    """A test that opens a catalog need not close it."""
    yield
    catalogs = sys.modules.get("tests.fakes.catalogs")  # most tests have none
    if catalogs is not None:
        catalogs.give_back_connections()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["PostgresServer"]:
    """One PostgreSQL for the session."""
    from tests.fakes.catalogs import running_postgres

    with running_postgres() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite catalog that is not there yet."""
    return f"sqlite:///{tmp_path / 'var' / 'catalog.db'}"


@pytest.fixture
def postgres_url(postgres_server: "PostgresServer") -> str:
    """An empty schema on PostgreSQL."""
    return postgres_server.new_schema()


@pytest.fixture
def sqlite_catalog(sqlite_url: str) -> Iterator["Catalog"]:
    """A catalog with every table and nothing in it, where neither SQL nor locking is what a test is about."""
    from tests.fakes.catalogs import fresh_catalog

    with fresh_catalog(sqlite_url) as opened:
        yield opened


@pytest.fixture(params=BOTH)
def catalog_url(request: pytest.FixtureRequest) -> str:
    """An empty database: the test runs once on each."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def catalog(catalog_url: str) -> Iterator["Catalog"]:
    """A catalog with every table and nothing in it, on each database."""
    from tests.fakes.catalogs import fresh_catalog

    with fresh_catalog(catalog_url) as opened:
        yield opened


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Callable[..., "Project"]]:
    """Make projects on this test's project, see `tests.fakes.project`; their catalogs are closed at its end."""
    from tests.fakes.project import make_project as make

    opened: list[Project] = []

    def make_here(root: Path = tmp_path, **wishes: object) -> "Project":
        opened.append(make(root, **wishes))  # type: ignore[arg-type]
        return opened[-1]

    yield make_here
    for project in opened:
        project.catalog.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB, where this user may mount one."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 720x1280 video of 4 s with sound, moov first."""
    from dayreel.media.ffmpeg_binary import find_ffmpeg

    path = tmp_path_factory.mktemp("videos") / "final_video.mp4"
    command = [
        str(find_ffmpeg()), "-v", "error", "-y",
        "-f", "lavfi", "-i", "color=c=teal:size=720x1280:rate=24:duration=4",
        "-f", "lavfi", "-i", "sine=frequency=440:duration=4",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest",
        "-movflags", "+faststart", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fifth of a second of moving picture and sound."""
    from dayreel.media.ffmpeg_binary import find_ffmpeg

    path = tmp_path_factory.mktemp("clip") / "tiny.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=72x128:r=10:d=0.2", "-f", "lavfi", "-i", "sine=f=440:d=0.2"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    command = [str(find_ffmpeg()), "-v", "error", "-y", "-nostdin", *inputs, *encode, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path
