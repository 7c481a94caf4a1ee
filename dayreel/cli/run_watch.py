"""The loop of `dayreel run --watch`: one task at a time, until Ctrl-C or SIGTERM; the task at hand is finished first.

The work is done in a thread of its own: on the main thread Dagster would take the signal for its run and keep it.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import click

from dayreel.atomic_write import atomic_write_text
from dayreel.cli.signals import until_notified
from dayreel.clock import SystemClock
from dayreel.errors import DayreelError
from dayreel.services.notifier_routes import Routes, notifier_routes
from dayreel.services.project import Project, opened_project
from dayreel.services.sandbox_world import ensure_sandbox
from dayreel.services.upkeep.chores import do_chore
from dayreel.services.upkeep.watch_work import Memory, Task, next_work
from dayreel.settings import Settings
from dayreel.stores.locks import hold

POLL_S = 5.0


def watch(settings: Settings) -> int:
    """Do what becomes due until somebody says stop.

    Raises:
        BusyError: another one watches this project already.
    """
    if settings.world == "sandbox":
        ensure_sandbox(settings, SystemClock())
    with (
        hold(settings.var_dir / "locks", "watch", what="watch this project", at=SystemClock().now()),
        until_notified() as stop,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="watch") as worker,
    ):
        click.echo(
            "Watching days, decisions, posts, markers, unknown outcomes. Ctrl-C stops after the current task.",
            err=True,
        )
        loop = worker.submit(_loop, settings, stop)
        try:
            while not loop.done():
                wait([loop], timeout=0.2)  # short, so that a signal is heard
        finally:
            stop.set()
        loop.result()
    click.echo("Stopped.", err=True)
    return 0


def _loop(settings: Settings, stop: threading.Event) -> None:
    path = settings.var_dir / "watch.json"
    memory = _read(path)
    reported: set[str] = set()
    while not stop.is_set():
        with opened_project(settings, actor="watch") as project:
            _work(settings, project, memory, path, stop, reported)
        stop.wait(POLL_S)


def _work(
    settings: Settings, project: Project, memory: Memory, path: Path, stop: threading.Event, reported: set[str]
) -> None:
    targets = notifier_routes(settings)
    tasks, left_out = next_work(project, memory, targets=targets)
    for reason in left_out:
        if reason not in reported:
            click.echo(f"left out: {reason}", err=True)
            reported.add(reason)
    for task in tasks:
        if stop.is_set():
            return  # what was not started is due again at the next start
        click.echo(task.about, err=True)
        try:
            for sentence in _do(settings, project, task, targets):
                click.echo(f"  {sentence}", err=True)
        except DayreelError as error:
            click.echo(f"dayreel: {error}", err=True)
        memory.done.append(task.key)
        atomic_write_text(path, json.dumps(memory.as_json()))


def _do(settings: Settings, project: Project, task: Task, targets: Routes[str]) -> list[str]:
    if task.chore is not None:
        return do_chore(project, task.chore, notifiers=targets.mapped(project.connect))
    from dayreel.cli.launch import run_job

    assert task.day is not None  # noqa: S101  a task is a chore or has a day
    ended = run_job(
        settings,
        task.job,
        partition_key=task.day.isoformat(),
        assets=task.assets,
        actor=task.trigger,
        tags=dict(task.tags),
    )
    return [f"{asset}: {error}" for asset, error in ended.failures] or ["done"]


def _read(path: Path) -> Memory:
    try:
        return Memory(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Memory()
