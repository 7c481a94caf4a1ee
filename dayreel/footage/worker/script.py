"""A role done by somebody's script: what it finds in its environment, how it is ended, and what counts as its outputs.

The script needs to know nothing of dayreel. What it says is believed only as far as its files bear it out.
"""

import json
import os
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from dayreel.errors import ConfigurationError, MediaError, UnfinishedError
from dayreel.footage.media.choose_streams import StreamChoices
from dayreel.footage.media.same_footage import compare_footage, evidence, refuse_other_footage
from dayreel.footage.media.sound_item import compare_sound
from dayreel.footage.rules.paths import MARKER_FOLDER
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.worker.roles import JobTask, MadeFile, choices_of, refuse_to_replace
from dayreel.media.probe import decode_fully, probe
from dayreel.media.run import clean_environment
from dayreel.process_guard import end, supervised
from dayreel.rules.footage_files import is_footage, is_sound
from dayreel.stores.files import sha256_of

BAD_INPUT = 65
"""Exit code by which a script says that trying again cannot help (EX_DATAERR of sysexits.h)."""
_KEPT_LINES = 40
_LOOKS_EVERY_S = 0.2


def run_script(command: Sequence[str], task: JobTask) -> list[MadeFile]:
    """Run a script for a job and return the files it has made, compared with their sources.

    Footage among them is compared; other files (subtitles, posters) are taken as they are.

    Raises:
        ConfigurationError: there is no such program on this machine.
        UnfinishedError: it ended with an exit code other than 0.
        MediaError: it says that the input is bad, or what it made is not the footage.
    """
    program = shutil.which(command[0])
    if program is None:
        raise ConfigurationError(
            f"Job {task.spec.job!r}: the script {command[0]!r} of role {task.spec.role!r} is not on this machine.",
            next_step="Put it there and make it executable, or correct library.yaml.",
        )
    before = [path.stat() for path in task.inputs]
    output = _run([program, *command[1:]], task)
    _refuse_changed_inputs(task, before)
    outputs = _outputs(task.aside)
    films = [path for path in outputs if is_footage(path) or is_sound(path)]
    if not films and task.spec.role != "file":
        raise MediaError(
            f"Job {task.spec.job!r}: the script ended well and made no film in OUTPUT_DIR. It said last: {output}"
        )
    sources = _sources(task, films)
    return [_judged(path, sources.get(path), task) for path in outputs]


def script_environment(task: JobTask) -> dict[str, str]:
    """Return everything a script finds in its environment."""
    return clean_environment() | {
        "INPUT_DIR": str(task.input_folder),
        "INPUT_FILES": "\n".join(map(str, task.inputs)),
        "OUTPUT_DIR": str(task.aside),
        "ITEM_ID": task.spec.item_id,
        "JOB": task.spec.job,
        "ROLE": task.spec.role,
        "PARAMETERS": json.dumps(task.spec.parameters, sort_keys=True),
    }


def _run(command: Sequence[str], task: JobTask) -> str:
    process = subprocess.Popen(
        supervised(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=script_environment(task),
        cwd=task.aside,
    )
    assert process.stdout is not None  # noqa: S101 - a pipe by construction
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    reader = threading.Thread(target=_drain, args=(process.stdout, lines), daemon=True)
    reader.start()
    report = task.reporter.part(f"script {Path(command[0]).name}", start=0.0, span=1.0)
    report(0.0)
    try:
        while not _has_ended(process):
            task.pulse()
    finally:
        end(process)
        reader.join()
        process.stdout.close()
    words = " / ".join(lines) or "nothing"
    if process.returncode == BAD_INPUT:
        raise MediaError(f"Job {task.spec.job!r}: the script refused its input and said: {words}")
    if process.returncode != 0:
        raise UnfinishedError(
            f"Job {task.spec.job!r}: the script ended with code {process.returncode} and said: {words}",
            next_step=f"It is tried again a few times. A script that knows better exits with {BAD_INPUT}.",
        )
    return words


def _refuse_changed_inputs(task: JobTask, before: list[os.stat_result]) -> None:
    for path, was in zip(task.inputs, before, strict=True):
        now = path.stat() if path.is_file() else None
        if now is None or (now.st_size, now.st_mtime_ns) != (was.st_size, was.st_mtime_ns):
            raise MediaError(
                f"Job {task.spec.job!r}: the script has {'changed' if now else 'removed'} its input {str(path)!r}, "
                "which is not its to touch. What it made was dropped.",
                next_step="Correct the script: it reads INPUT_FILES and writes into OUTPUT_DIR, nothing else.",
            )


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(_LOOKS_EVERY_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _drain(pipe: IO[bytes], lines: deque[str]) -> None:
    for line in pipe:
        lines.append(line.decode(errors="replace").rstrip()[:500])


def _outputs(aside: Path) -> list[Path]:
    """Return what a script has made, but for markers, which are written when the outputs are in place.

    Raises:
        MediaError: something that is not a plain file lies there.
    """
    outputs = []
    for path in sorted(aside.rglob("*")):
        inside = path.relative_to(aside).parts
        if MARKER_FOLDER in inside:
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise MediaError(f"The script left {path.name!r} in OUTPUT_DIR, which is neither a file nor a folder.")
        if path.is_file():
            outputs.append(path)
    return outputs


def _sources(task: JobTask, films: list[Path]) -> dict[Path, Path]:
    """Return which film was made from which input: by name, or by order where there are as many; else unknown."""
    inputs = [path for _, path in task.films]
    by_stem = {path.stem: path for path in inputs}
    if len(by_stem) == len(inputs) and {path.stem for path in films} <= set(by_stem):
        return {film: by_stem[film.stem] for film in films}
    return dict(zip(films, sorted(inputs), strict=True)) if len(films) == len(inputs) else {}


def _judged(path: Path, source: Path | None, task: JobTask) -> MadeFile:
    name = path.relative_to(task.aside).as_posix()
    if task.spec.role == "file":
        refuse_to_replace(task, name, JobFile(path=name, size_bytes=path.stat().st_size, sha256=sha256_of(path)))
    is_heard = is_sound(path) and source is not None and is_sound(source)
    if not is_footage(path) and not is_heard:
        return MadeFile(name, None, {"path": name})
    if source is None:
        decode_fully(path, with_sound=True, pulse=task.pulse)  # several of one, or one of several: whole at least
        return MadeFile(name, None, {"path": name, "duration_s": round(probe(path).duration_s, 3)})
    if is_heard:
        checks = compare_sound(source, path, pulse=task.pulse)
    else:
        checks = compare_footage(source, path, task.limits, choices=_chosen(source, path, task), pulse=task.pulse)
    refuse_other_footage(checks, source, path, losses_pass=True)
    relative = source.relative_to(task.root).as_posix()
    file = next(file for file in task.spec.inputs if file.path == relative)
    facts = {
        "path": name,
        "source": relative,
        "duration_s": round(probe(path).duration_s, 3),
        **evidence(checks, file),
    }
    return MadeFile(name, relative, facts)


def _chosen(source: Path, made: Path, task: JobTask) -> StreamChoices | None:
    """Return the streams that the plan of a remux keeps, where a script has kept as many; None to look for all."""
    if task.spec.role != "remux":
        return None
    choices = choices_of(task, probe(source))
    kept = sum(1 for stream in choices.kept if stream.kind == "sound")
    try:
        return choices if len(probe(made).audio) == kept else None
    except MediaError:
        return None  # the comparison says so
