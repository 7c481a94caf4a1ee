"""A whole deployment in a temporary folder: channel files, catalog, content, the graph built by `build_defs`.

`clips` channels cost nothing and are made in about two seconds; `crafts` buys from a sandbox world. All of them live in
`tests.days.ZONE`.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import dagster as dg
import imageio_ffmpeg
import yaml

from dayreel.cli import run as dayreel
from dayreel.clock import Clock, SystemClock
from dayreel.queries.review import DecisionVerdict
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import open_catalog
from pipeline_assets.definitions import build_defs
from resources.project import ProjectResource
from tests.days import ZONE, days_ago, today
from tests.fakes.catalogs import fresh_catalog
from tests.fakes.rows import add_content, add_effect

ROOT = Path(__file__).parents[2]
NOTES: dict[str, Any] = {
    "title": "Field notes",
    "topic": "What we saw outside today",
    "content_type": "field_notes",
    "ideas": {"provider": "calendar", "file": "notes/calendar.csv"},
    "segments": {"count": 2, "duration_s": 1, "resolution": "480p"},
    "video": {"provider": "clips", "folder": "notes/clips", "fit": "crop"},
    "platforms": {"outbox": {"folder": "outbox"}},
}
CRAFTS: dict[str, Any] = {
    "title": "Crafts you can hear",
    "topic": "A close-up of a traditional craft",
    "content_type": "asmr_crafts",
    "ideas": {"provider": "openai", "model": "gpt-6-luna"},
    "prompts": {"provider": "openai", "model": "gpt-6-luna"},
    "segments": {"count": 2, "duration_s": 2, "resolution": "720p"},
    "video": {"provider": "fal", "model": "fal-ai/wan/v2.7/text-to-video"},
    "platforms": {"instagram": {}, "youtube": {"privacy": "private"}},
}


def make_footage(path: Path, *, duration_s: float = 3, size: str = "480x854", rate: int = 30) -> Path:
    """Write a moving picture with a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y",
        "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={duration_s}",
        "-f", "lavfi", "-i", f"sine=frequency=440:duration={duration_s}",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "48000", "-shortest",
        "-movflags", "+faststart", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=300)
    return path


@lru_cache(maxsize=8)
def _defs_of(root: Path, _environment: str, _channels: tuple[str, ...]) -> dg.Definitions:
    """Build a graph once for all tests whose deployment says the same and stands in the same folder."""
    return build_defs(load_settings(root))


class Deployment:
    """One deployment on disk. Everything in it is real; only the vendors are the sandbox world's."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def new(
        cls,
        root: Path,
        channels: Mapping[str, Mapping[str, Any]],
        *,
        footage: Path,
        sandbox_url: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Self:
        """Write a deployment's files, with these variables in its `.env`, in the place of whatever is there."""
        self = cls(root)
        shutil.rmtree(root, ignore_errors=True)
        (root / "channels").mkdir(parents=True)
        (root / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        environment = [f"DAYREEL_FIRST_DAY={days_ago(40)}", f"DAYREEL_TIMEZONE={ZONE}", "DAYREEL_REVIEWER=ana"]
        # They would be due, or not, by the hour at which tests run.
        environment += ["DAYREEL_MORNING_AT=off", "DAYREEL_WEEKLY_AT=off"]
        if sandbox_url is not None:
            environment.append(f"DAYREEL_SANDBOX_URL={sandbox_url}")
        environment += [f"{name}={value}" for name, value in (variables or {}).items()]
        (root / ".env").write_text("\n".join(environment), encoding="utf-8")
        fresh_catalog(f"sqlite:///{root / 'var' / 'catalog.db'}").close()
        for name, fields in channels.items():
            self.write_channel(name, fields)
        clips = root / "channels" / "notes" / "clips"
        clips.mkdir(parents=True)
        for number in (1, 2):
            (clips / f"walk_{number}.mp4").hardlink_to(footage)
        rows = [
            f'{days_ago(number)},"A walk in the woods, number {number}, with frogs","Walk {number}",#walk,walks'
            for number in range(40)
        ]
        lines = ["day,idea,caption,hashtags,topic", *rows]
        (root / "channels" / "notes" / "calendar.csv").write_text("\n".join(lines), encoding="utf-8")
        return self

    def copy(self, root: Path) -> "Deployment":
        """Return the same deployment, with everything that was made in it, in another folder, whose content goes."""

        def link(source: str, target: str) -> None:
            # Media are only ever replaced, never written into; everything else must be a file of its own.
            (os.link if source.endswith((".mp4", ".jpg")) else shutil.copy)(source, target)

        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.root, root, copy_function=link)
        return Deployment(root)

    def write_channel(self, name: str, fields: Mapping[str, Any]) -> None:
        document = {"active_from": days_ago(30).isoformat(), "timezone": ZONE, **fields}
        (self.root / "channels" / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        self.__dict__.pop("defs", None)

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.root)

    @cached_property
    def defs(self) -> dg.Definitions:
        files = sorted((self.root / "channels").glob("*.yaml"))
        words = tuple(f"{path.name}\n{path.read_text(encoding='utf-8')}" for path in files)
        return _defs_of(self.root, self.settings.model_dump_json(), words)

    @contextlib.contextmanager
    def project(self, *, clock: Clock | None = None, actor: str = "ana") -> Iterator[Project]:
        catalog = open_catalog(self.settings.catalog)
        try:
            yield Project(self.settings, clock or SystemClock(), catalog, actor=actor)
        finally:
            catalog.close()

    def run(
        self,
        instance: dg.DagsterInstance,
        job: str,
        day: date,
        *assets: Sequence[str],
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job for one day in this process; the caller looks whether it succeeded.

        Args:
            config: what the launchpad holds for each op.
        """
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=day.isoformat(),
            asset_selection=[dg.AssetKey(list(key)) for key in assets] or None,
            tags=dict(tags or {}),
            run_config={"ops": {name: {"config": dict(fields)} for name, fields in (config or {}).items()}},
            raise_on_error=False,
        )

    def obey(self, instance: dg.DagsterInstance, request: dg.RunRequest, job: str) -> dg.ExecuteInProcessResult:
        """Do what a sensor asked for, as the daemon would."""
        assert request.partition_key is not None
        keys = [key.path for key in request.asset_selection or []]
        return self.run(instance, job, date.fromisoformat(request.partition_key), *keys, tags=request.tags)

    def tick(self, instance: dg.DagsterInstance, sensor: str, cursor: str | None = None) -> Any:
        """Evaluate one tick of a sensor and return what it asked for."""
        repository = self.defs.get_repository_def()
        context = dg.build_sensor_context(
            instance=instance,
            instance_ref=None if instance.is_ephemeral else instance.get_ref(),
            cursor=cursor,
            repository_def=repository,
            resources={"project": ProjectResource(root=str(self.root))},
        )
        return repository.get_sensor_def(sensor).evaluate_tick(context)

    def add_content(self, content_id: str, state: str, **columns: Any) -> str:
        """Write a content that was begun just now, see `tests.fakes.rows`."""
        with self.project() as project:
            return add_content(
                project.catalog, content_id, state, **{"at": project.clock.now(), "revision": 1, **columns}
            )

    def add_effect(self, content_id: str, **columns: Any) -> None:
        """Write an act of this moment into the ledger, see `tests.fakes.rows`."""
        with self.project() as project:
            add_effect(project.catalog, content_id, **{"at": project.clock.now(), "spent_on": today(), **columns})

    def decide(self, content_id: str, verdict: DecisionVerdict, **more: Any) -> int:
        with self.project() as project:
            return decide(project, content_id, verdict, by="ana", via="cli", **more).id


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Return what each failed asset said."""
    errors: dict[str, str] = {}
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data.user_failure_data
            errors[str(event.step_key).replace("__", "/")] = str(failure.description if failure else event)
    return errors


def metadata_of(result: dg.ExecuteInProcessResult, *path: str) -> dict[str, Any]:
    """Return an asset's metadata as plain values."""
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(path)]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def reason_of(tick: Any) -> str:
    """Return why a tick asked for nothing."""
    return str(tick.skip_message or "")


def shell_script() -> str:
    """Return the script of docs/how-to/completion-markers.md: what people copy is what is tested."""
    page = (ROOT / "docs" / "how-to" / "completion-markers.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- marker script -->\n```sh\n(.*?)```", page, re.DOTALL)
    assert match is not None
    return match[1]


def mark(deployment: Deployment, content_id: str, name: str, file: Path, *, producer: str = "render-farm-2") -> Path:
    """Run the script as a worker would, and return the marker."""
    folder = deployment.settings.content_dir / content_id
    (folder / "incoming").mkdir(parents=True, exist_ok=True)
    (folder / "incoming" / file.name).hardlink_to(file)
    script = deployment.root / "mark.sh"
    script.write_text(shell_script(), encoding="utf-8")
    printed = io.StringIO()
    with contextlib.chdir(deployment.root), contextlib.redirect_stdout(printed):
        assert dayreel(["channels", "spec", content_id.partition("-")[0]]) == 0
    spec = printed.getvalue().strip()
    subprocess.run(
        ["sh", str(script), content_id, name, f"incoming/{file.name}", producer, spec],
        cwd=deployment.root, check=True, timeout=300,
    )  # fmt: skip
    return folder / ".pipeline" / f"{name}.done"
