"""How own footage stands, for `dayreel doctor`: the plan, who works and who watches, jobs that nobody gets on with.

Whether the shared folder keeps its promises at all is `footage.stores.job_queue.folder_check`. Changes nothing.
"""

from collections import Counter
from pathlib import Path

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, MediaError, StoreError
from dayreel.footage.library.open_library import WATCH_LOCK
from dayreel.footage.media.encoders import ask_hardware
from dayreel.footage.schemas.job import JOB_PLACES
from dayreel.footage.stores.job_queue import JobInfo, JobQueue
from dayreel.footage.stores.job_queue.folder_check import check_folder
from dayreel.footage.stores.plan import PLAN_FILE, load_plan
from dayreel.footage.worker.presence import WorkerStatus, list_workers
from dayreel.media.ffmpeg_binary import HOW_TO_GET_ONE, find_ffmpeg, has_filter
from dayreel.schemas.check import Check
from dayreel.settings import Settings
from dayreel.stores.locks import who_holds

_FEW = 5


def check_library(settings: Settings) -> list[Check]:
    """Try out the shared folder, where one is set, and look at who is at work there."""
    root, clock = settings.library, SystemClock()
    if root is None:
        return []
    checked = check_folder(root, clock=clock)
    if not root.is_dir():
        return checked
    checked += [_plan(root), *_encoders(root, settings.ffmpeg), _watch(settings.var_dir / "locks")]
    try:
        queue = JobQueue(root, clock=clock)
        return [*checked, *_work(queue.jobs(), queue.stalled(), list_workers(root))]
    except StoreError as error:
        return [*checked, Check("library jobs", "fail", error.message, error.next_step)]


def _plan(root: Path) -> Check:
    try:
        plan = load_plan(root)
    except ConfigurationError as error:
        return Check("library plan", "fail", error.message, error.next_step)
    asked = [gate for gate in ("remux_review", "naming_confirm") if getattr(plan, gate)]
    summary = f"{PLAN_FILE}: {plan.transcode.preset}, asks people: {', '.join(asked) or 'nothing'}"
    return Check("library plan", "ok", summary)


def _encoders(root: Path, configured: str | None) -> list[Check]:
    """Ask hardware encoders for a frame, and ffmpeg for VMAF, where the plan wants them; of this machine only."""
    try:
        plan, ffmpeg = load_plan(root).transcode, find_ffmpeg(configured)
        if plan.target_vmaf is not None and not has_filter(ffmpeg, "libvmaf"):
            step = f"A worker there cannot search for `transcode.target_vmaf`. {HOW_TO_GET_ONE}"
            return [Check("library encoders", "fail", f"{str(ffmpeg)!r} has no libvmaf", step)]
        asked = [] if plan.hardware == "never" else ask_hardware(plan.preset, ffmpeg=ffmpeg)
    except (ConfigurationError, MediaError):
        return []  # what is wrong with the plan or with ffmpeg is reported by the checks of these
    answers = "; ".join(f"{each.encoder.name}: {each.why_not or 'works'}" for each in asked)
    if not asked or not asked[-1].why_not:
        return [Check("library encoders", "ok", f"on this machine: {answers}")] if asked else []
    step = "Workers of other machines may have one; where none has, the plan's `transcode.hardware` says what happens."
    return [Check("library encoders", "warn", f"no hardware encoder works on this machine: {answers}", step)]


def _watch(locks: Path) -> Check:
    holder = who_holds(locks, WATCH_LOCK)
    if holder is not None:
        return Check("library watch", "ok", f"watched by {holder}")
    step = "`dayreel library watch`, or `dayreel up`; until then Dagster's chores look, where they run."
    return Check("library watch", "warn", "nobody watches it from this machine", step)


def _work(jobs: list[JobInfo], stalled: list[JobInfo], workers: list[WorkerStatus]) -> list[Check]:
    alive = [worker for worker in workers if worker.is_alive]
    waiting = Counter(job.role for job in jobs if job.place == "pending" and job.role is not None)
    idle = sorted(set(waiting) - {role for worker in alive for role in worker.seen.roles})
    summary = "; ".join(_worker(worker) for worker in workers) or "none has come yet"
    people = Check("library workers", "ok", summary)
    if idle:
        step = f"`dayreel worker --roles {','.join(idle)} --name NAME` on a machine that has the folder."
        people = Check("library workers", "warn", f"{summary}; nobody does {', '.join(idle)}, and jobs wait", step)
    return [people, _jobs(jobs, stalled)]


def _worker(worker: WorkerStatus) -> str:
    seen = worker.seen
    where = f"{seen.name} ({', '.join(seen.roles)}) on {seen.host}"
    if not worker.is_alive:
        return f"{where}: gone, last seen {seen.seen_at.isoformat(timespec='seconds')}"
    return f"{where}: seen {worker.silent_s:.0f} s ago, {f'on {seen.job}' if seen.job else 'idle'}"


def _jobs(jobs: list[JobInfo], stalled: list[JobInfo]) -> Check:
    places = Counter(job.place for job in jobs)
    counts = ", ".join(f"{places[place]} {place}" for place in JOB_PLACES)
    # Only what may still be worked on is opened: a look stays cheap with years of completed jobs.
    strange = [job for job in jobs if job.place in ("pending", "running") and job.problem]
    if strange:
        problems = "; ".join(f"{job.job}: {job.problem}" for job in strange[:_FEW])
        step = "No worker takes these; look at their folders below .pipeline/jobs, and take away what is not a job."
        return Check("library jobs", "warn", f"{counts}; {problems}", step)
    if stalled:
        names = ", ".join(job.job for job in stalled[:_FEW])
        step = "Whoever watches or works takes them back within half a minute; start one, if none runs."
        return Check("library jobs", "warn", f"{counts}; {len(stalled)} stalled: {names}", step)
    return Check("library jobs", "ok", counts)
