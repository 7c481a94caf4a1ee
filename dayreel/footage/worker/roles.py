"""What dayreel itself does for each role: copy streams, encode, file under a name. A script in its place: `script`.

Every role writes into the attempt's aside folder and says which file came from which, with the evidence.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from dayreel.errors import UsageError
from dayreel.footage.media.choose_streams import StreamChoices, choose_streams
from dayreel.footage.media.encoders import choose_encoder
from dayreel.footage.media.mux_sidecars import mux_sidecars
from dayreel.footage.media.remux import MATROSKA, Running
from dayreel.footage.media.same_footage import (
    FootageLimits,
    compare_footage,
    evidence,
    refuse_other_footage,
    same_bytes,
)
from dayreel.footage.media.sound_item import compare_sound, encode_sound, why_sound_stays
from dayreel.footage.media.target_quality import decide_quality, refuse_growth
from dayreel.footage.media.transcode import EVERYTHING, rewrap, transcode
from dayreel.footage.rules.names import free_name, name_key
from dayreel.footage.rules.sidecars import film_of, is_sidecar, label_of, sidecar_name
from dayreel.footage.schemas.job import JobFile, JobSpec
from dayreel.footage.schemas.library import LibraryPlan, RemuxPlan, RolePlan, TranscodePlan
from dayreel.footage.stores.safe_copy import safe_copy
from dayreel.footage.worker.lease import ProgressReporter
from dayreel.media.probe import Probe, probe
from dayreel.media.run import ProgressCallback, Pulse
from dayreel.rules.footage_files import is_sound
from dayreel.stores.files import sha256_of

_WORK_SHARE = 0.85
"""Share of the time that a role's own work takes; comparing the output takes the rest."""
_SEARCH_SHARE = 0.3
"""Share of that which looking for the quality takes."""
_Plan = TypeVar("_Plan", bound=RolePlan)


@dataclass(frozen=True)
class MadeFile:
    """One output, by its path in the aside folder, the input it was made from, and what was found out about it."""

    path: str
    source: str | None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobTask:
    """One attempt as its role sees it: what is to be made, with what, and where to.

    Attributes:
        inputs: the job's inputs as files of this machine, in the spec's order; their bytes were checked.
        aside: where outputs go.
    """

    spec: JobSpec
    root: Path
    aside: Path
    inputs: tuple[Path, ...]
    ffmpeg: Path
    deadline_s: float
    pulse: Pulse
    reporter: ProgressReporter

    @property
    def limits(self) -> FootageLimits:
        """How much an output may differ from its source."""
        return limits_of(self.spec.parameters)

    def running(self, progress: ProgressCallback | None) -> Running:
        """Return how ffmpeg is run for this job."""
        return {"ffmpeg": self.ffmpeg, "deadline_s": self.deadline_s, "progress": progress, "pulse": self.pulse}

    @property
    def films(self) -> list[tuple[JobFile, Path]]:
        """The inputs that are not subtitles beside one."""
        return [pair for pair in self._pairs if not is_sidecar(pair[1])]

    @property
    def sidecars(self) -> list[tuple[JobFile, Path]]:
        """The inputs that are subtitles beside a film."""
        return [pair for pair in self._pairs if is_sidecar(pair[1])]

    @property
    def _pairs(self) -> list[tuple[JobFile, Path]]:
        return list(zip(self.spec.inputs, self.inputs, strict=True))

    @property
    def input_folder(self) -> Path:
        """The folder that holds all inputs."""
        return Path(os.path.commonpath([path.parent for path in self.inputs]))


def settings_of(shape: type[_Plan] | type[LibraryPlan], parameters: Mapping[str, Any]) -> Any:
    """Return a part of the plan as the job's parameters have it, with the usual values for the rest."""
    return shape.model_validate({key: parameters[key] for key in shape.model_fields if key in parameters})


def limits_of(parameters: Mapping[str, Any]) -> FootageLimits:
    """Return what a job's parameters let an output differ from its source in."""
    plan = settings_of(LibraryPlan, parameters)
    return FootageLimits(
        plan.min_size_ratio,
        plan.max_duration_gap_s,
        max_height=parameters.get("max_height"),
        is_tone_mapped=parameters.get("hdr") == "tonemap",
        may_lose=frozenset(parameters.get("may_lose", ())),
    )


def do_remux(task: JobTask) -> list[MadeFile]:
    """Copy the chosen streams of every input into Matroska.

    Raises:
        MediaError: an input cannot be remuxed, or the output is not the same footage.
    """

    def make(source: Path, dest: Path, part: _Part) -> _Made:
        if is_sound(source):
            return _copied(task, source, dest, {})
        choices = choices_of(task, probe(source))
        return _Made(choices, rewrap(source, dest, choices, **task.running(part("remux", 0.0, 1.0))))

    if settings_of(RemuxPlan, task.spec.parameters).sidecars == "mux":
        return _one_by_one(task, make, partial(_with_sidecars, task))
    return _one_by_one(task, make)


def choices_of(task: JobTask, facts: Probe) -> StreamChoices:
    """Return which streams of an input a remux keeps: as a person said, or as the plan has it."""
    plan = settings_of(RemuxPlan, task.spec.parameters)
    keep = task.spec.parameters.get("keep")
    return choose_streams(facts, plan, None if keep is None else _of_this_file(facts, keep))


def do_transcode(task: JobTask) -> list[MadeFile]:
    """Encode every input, as well as the plan wants it to look; one that would hardly become smaller is copied.

    Raises:
        MediaError: an input cannot be encoded as planned, or the output is not the same footage.
        ConfigurationError: the plan requires hardware that this machine does not have.
    """
    plan = settings_of(TranscodePlan, task.spec.parameters)
    if all(is_sound(path) for _, path in task.films):
        return _one_by_one(task, partial(_sound, task, plan))
    chosen = choose_encoder(plan, ffmpeg=task.ffmpeg, pulse=task.pulse)

    def make(source: Path, dest: Path, part: _Part) -> _Made:
        if is_sound(source):
            return _sound(task, plan, source, dest, part)
        choices = choose_streams(probe(source), EVERYTHING)
        share = 0.0 if plan.target_vmaf is None and plan.min_saving is None else _SEARCH_SHARE

        def report(words: str, done: float) -> None:
            part(words, 0.0, share)(done)

        verdict = decide_quality(source, plan, chosen, scratch=task.aside, report=report, **task.running(None))
        words = " ".join(filter(None, (chosen.reason, verdict.reason)))
        if verdict.quality is not None:
            as_found = plan.model_copy(update={"quality": verdict.quality})
            running = task.running(part(f"transcode to {plan.preset}", share, 1 - share))
            made = transcode(source, dest, as_found, choices, encoder=chosen.encoder, **running)
            kept = refuse_growth(source, made, plan, verdict)
            if kept is None:
                return _Made(choices, made, {"quality": {**verdict.as_facts(), "reason": words}} if words else {})
            dest.unlink()
            verdict = kept
            words = verdict.reason
        made_of = _copied(task, source, dest, {"quality": {**verdict.as_facts(), "reason": words}})
        return replace(made_of, choices=choices)

    return _one_by_one(task, make)


def do_file(task: JobTask) -> list[MadeFile]:
    """Copy every input to its name in the library, reading each copy back.

    Raises:
        UsageError: an input has no name, two have the same, or a file of the library that is not this item's has it.
        StoreError: a copy could not be written or read back the same.
    """
    names = _names(task)
    total = sum(file.size_bytes for file in task.spec.inputs) or 1
    done, made = 0, []
    for file, source in task.films:
        name = names[file.path]
        report = task.reporter.part(f"file {source.name}", start=done / total, span=file.size_bytes / total)
        report(0.0)
        refuse_to_replace(task, name, file)
        safe_copy(source, task.aside / name, sha256=file.sha256, pulse=task.pulse)
        done += file.size_bytes
        made.append(MadeFile(name, file.path, {"path": name, "source": file.path}))
    return [*made, *_beside(task, made)]


ROLES: Mapping[str, Callable[[JobTask], list[MadeFile]]] = {
    "remux": do_remux,
    "transcode": do_transcode,
    "file": do_file,
}


def _sound(task: JobTask, plan: TranscodePlan, source: Path, dest: Path, part: "_Part") -> "_Made":
    """Encode a file of sound as the plan wants it, or copy it and say why."""
    reason = why_sound_stays(probe(source), plan.sound)
    if reason or plan.sound == "keep":
        return _copied(task, source, dest, {} if plan.sound == "keep" else {"quality": {"reason": reason}})
    running = task.running(part(f"encode as {plan.sound}", 0.0, 1.0))
    return _Made(StreamChoices(()), encode_sound(source, dest.with_suffix(f".{plan.sound}"), plan.sound, **running))


def _copied(task: JobTask, source: Path, dest: Path, facts: dict[str, Any]) -> "_Made":
    """Copy a file that stays as it is, under its own ending."""
    original = dest.with_suffix(source.suffix)
    safe_copy(source, original, pulse=task.pulse)
    return _Made(StreamChoices(()), probe(original), facts, is_copy=True)


_Part = Callable[[str, float, float], ProgressCallback]
"""Takes what is done, the share of a file's work that lies before it, and its own share of that."""


@dataclass(frozen=True)
class _Made:
    """What was made of one input: the streams it should have, what it has, and evidence beyond that.

    `is_copy` says that it has the very bytes of its source.
    """

    choices: StreamChoices
    after: Probe
    facts: dict[str, Any] = field(default_factory=dict)
    is_copy: bool = False


def _one_by_one(
    task: JobTask,
    make: Callable[[Path, Path, _Part], _Made],
    finish: Callable[[MadeFile], MadeFile] = lambda made: made,
) -> list[MadeFile]:
    """Make one output per film, compare each with its source, and bring the subtitles beside it along.

    Args:
        finish: does the rest with an output that was compared.
    """
    outputs = _output_names(task)
    total = sum(file.size_bytes for file in task.spec.inputs) or 1
    done = 0
    results = []
    for file, source in task.films:
        before = probe(source)
        made = make(source, task.aside / outputs[file.path], _parts(task, source, before, done / total, file, total))
        after, dest = made.after, made.after.path
        begin, span = done / total, file.size_bytes / total
        task.reporter.part(f"compare: {dest.name}", start=begin + span * _WORK_SHARE, span=span)(0.0)
        if made.is_copy:
            checks = [same_bytes(source, dest, pulse=task.pulse)]
        elif is_sound(source):
            checks = compare_sound(source, dest, pulse=task.pulse)
        else:
            checks = compare_footage(source, dest, task.limits, choices=made.choices, pulse=task.pulse)
        refuse_other_footage(checks, source, dest)
        done += file.size_bytes
        name = dest.relative_to(task.aside).as_posix()
        facts = {
            "path": name,
            "source": file.path,
            "duration_s": round(after.duration_s, 3),
            "size_ratio": round(after.size_bytes / max(1, before.size_bytes), 4),
            "streams": [asdict(choice) for choice in made.choices.streams],
            **evidence(checks, file),
            **made.facts,
        }
        results.append(finish(MadeFile(name, file.path, facts)))
    return [*results, *_beside(task, results)]


def _with_sidecars(task: JobTask, film: MadeFile) -> MadeFile:
    """Return a film with the subtitles put into it that lie beside its source; sound keeps its file, and they theirs.

    Raises:
        MediaError: they are not subtitles, or did not come out as they should.
    """
    if is_sound(PurePosixPath(film.path)):
        return film
    own = PurePosixPath(film.source or "")
    films = [PurePosixPath(file.path) for file, _ in task.films]
    labelled = [
        (file, path, label_of(PurePosixPath(file.path), own))
        for file, path in task.sidecars
        if film_of(PurePosixPath(file.path), _near(file, films)) == own
    ]
    pictures = {path.stem for _, path, _ in labelled if path.suffix.lower() == ".idx"}
    muxed = [(path, label) for _, path, label in labelled if path.suffix.lower() != ".sub" or path.stem not in pictures]
    if not muxed:
        return film
    mux_sidecars(task.aside / film.path, muxed, **task.running(None))
    return replace(film, facts={**film.facts, "muxed": [file.path for file, _, _ in labelled]})


def _near(file: JobFile, films: list[PurePosixPath]) -> list[PurePosixPath]:
    """Return the films that lie where a sidecar does, or else all."""
    return [film for film in films if film.parent == PurePosixPath(file.path).parent] or films


def _beside(task: JobTask, films: list[MadeFile]) -> list[MadeFile]:
    """Copy the subtitles that lie beside the films, each under its film's new name.

    Raises:
        UsageError: one belongs to none of several films.
        StoreError: a copy could not be written or read back the same.
    """
    new_names = {film.source: PurePosixPath(film.path) for film in films}
    own_names = [PurePosixPath(file.path) for file, _ in task.films]
    made: list[MadeFile] = []
    muxed = {path for film in films for path in film.facts.get("muxed", ())}
    for file, source in task.sidecars:
        if file.path in muxed:
            continue
        own = PurePosixPath(file.path)
        film = film_of(own, _near(file, own_names))
        if film is None:
            raise UsageError(
                f"Job {task.spec.job!r} has subtitles {own.name!r} that belong to none of its films.",
                next_step="Give them the name of a film, like film.en.srt beside film.mkv, and touch the marker again.",
            )
        new = new_names[film.as_posix()]
        name = _free(new.with_name(sidecar_name(own, film, new)), made)
        if task.spec.role == "file":
            refuse_to_replace(task, name, file)
        safe_copy(source, task.aside / name, sha256=file.sha256, pulse=task.pulse)
        made.append(MadeFile(name, file.path, {"path": name, "source": file.path, "beside": new.as_posix()}))
    return made


def _free(wanted: PurePosixPath, made: list[MadeFile]) -> str:
    """Return a name that no other file of the job has: two folders may have an English.srt each."""
    taken = {file.path.casefold() for file in made}
    name, number = wanted, 2
    while name.as_posix().casefold() in taken:
        name, number = wanted.with_stem(f"{wanted.stem}.{number}"), number + 1
    return name.as_posix()


def _parts(task: JobTask, source: Path, before: Probe, begin: float, file: JobFile, total: int) -> _Part:
    """Return what gives each part of the work on one file its progress."""
    video = None if is_sound(source) else before.best_video_stream()
    frames = 0.0 if video is None else float(video.frames or video.duration_s * video.fps)
    span = file.size_bytes / total * _WORK_SHARE

    def part(doing: str, from_share: float, share: float) -> ProgressCallback:
        is_whole = from_share + share == 1.0  # a search sees a few pictures several times
        return task.reporter.part(
            f"{doing}: {source.name}",
            start=begin + span * from_share,
            span=span * share,
            frames=frames if is_whole else 0.0,
        )

    return part


def _of_this_file(facts: Probe, keep: list[int]) -> list[int]:
    """Return the indexes a person named that this file has: the files of a disc do not all have as many streams."""
    groups = (facts.video, facts.audio, facts.subtitles, facts.others)
    return sorted({stream.index for group in groups for stream in group} & set(keep))


def _output_names(task: JobTask) -> dict[str, str]:
    """Return, by input path, the name of its output: the same with another ending, below the same folders."""
    folder = task.input_folder
    relative = {file.path: PurePosixPath(path.relative_to(folder).as_posix()) for file, path in task.films}
    plain = {path: own.with_suffix(MATROSKA).as_posix() for path, own in relative.items()}
    wanted = Counter(map(name_key, plain.values()))
    names: dict[str, str] = {}
    for path, name in plain.items():
        own = name if wanted[name_key(name)] == 1 else f"{relative[path].as_posix()}{MATROSKA}"
        names[path] = free_name(own, set(map(name_key, names.values())))
    return names


def refuse_to_replace(task: JobTask, name: str, file: JobFile) -> None:
    """Let a name pass that is free, this item's own from before, or the same bytes; nothing else is written over.

    Raises:
        UsageError: a file of the library that is not this item's has it.
    """
    there = task.root / task.spec.output_dir / name
    own = set(map(name_key, task.spec.parameters.get("replaces", ())))
    if name_key(name) in own or not there.exists():
        return
    is_as_long = there.is_file() and there.stat().st_size == file.size_bytes
    if is_as_long and sha256_of(there, pulse=task.pulse) == file.sha256:
        return
    raise UsageError(
        f"{name!r} is in the library already, and it is not of this item: nothing was written over it.",
        next_step=f"Move it away and `dayreel jobs retry {task.spec.job}`, or touch the marker of the transcode again "
        "to be asked for another name.",
    )


def _names(task: JobTask) -> dict[str, str]:
    """Return, by input path, its path in the library."""
    given = task.spec.parameters.get("names")
    if not isinstance(given, dict):
        raise UsageError(f"Job {task.spec.job!r} is to file its inputs and has no `names` for them.")
    names: dict[str, str] = {}
    for file, _ in task.films:
        fitting = [name for name in given if f"/{file.path}".endswith(f"/{name}")]
        if not fitting:
            raise UsageError(f"Job {task.spec.job!r} has no name for {file.path!r}; it has some for {sorted(given)}.")
        names[file.path] = JobFile(path=given[max(fitting, key=len)], size_bytes=0, sha256="0" * 64).path
    if len(set(map(name_key, names.values()))) < len(names):
        raise UsageError(f"Job {task.spec.job!r} gives two of its files the same name: {sorted(names.values())}.")
    return names
