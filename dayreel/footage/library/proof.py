"""Whether a source may go: is everything in it proved to be in the library, by comparisons whose evidence is kept.

A chain of evidence leads from the source's bytes through every stage to bytes of the library: each link is a comparison
by the verifier of today that passed, or equal bytes. Where a link is missing (somebody's script has made the stage, or
an earlier dayreel), the comparison is made here, and kept in the manifest like any other. What may then be removed is
`clean_up`.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dayreel.errors import MediaError
from dayreel.footage.library.open_library import Library
from dayreel.footage.media.choose_streams import choose_streams
from dayreel.footage.media.same_footage import VERIFIER, FootageLimits, compare_footage, evidence
from dayreel.footage.media.transcode import EVERYTHING
from dayreel.footage.rules.paths import ITEM_STAGES, ItemStage
from dayreel.footage.rules.sidecars import is_sidecar
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.schemas.library import ItemManifest, RemuxPlan, StageMade
from dayreel.footage.worker.roles import limits_of
from dayreel.media.probe import probe
from dayreel.schemas.content import CheckResult
from dayreel.stores.files import sha256_of


@dataclass(frozen=True)
class MissingLink:
    """Nothing says yet whether a file of a stage is what it was made from."""

    source_stage: ItemStage
    source: JobFile
    stage: ItemStage
    made: JobFile


def kept_as(manifest: ItemManifest, stage: ItemStage, file: JobFile) -> str | MissingLink:
    """Return the path in the library under which a file of a stage is kept, proved; or the first link that is missing.

    Raises:
        MediaError: it is not there, or what was made of it is not the same; says which, in one sentence.
    """
    following = next((later for later in ITEM_STAGES[ITEM_STAGES.index(stage) + 1 :] if later in manifest.stages), None)
    if following is None:
        raise MediaError(f"nothing was made of {file.path!r}")
    made = manifest.stages[following]
    same = next((output for output in made.files if output.sha256 == file.sha256), None)
    if same is not None:
        return same.path if following == "file" else kept_as(manifest, following, same)
    if following == "file":
        raise MediaError(f"{file.path!r} of {stage} is not in the library")
    entry, output = _made_of(made, file)
    of_these = (file.sha256, output.sha256)
    if entry.get("verifier") != VERIFIER or (entry.get("source_sha256"), entry.get("sha256")) != of_these:
        return MissingLink(stage, file, following, output)
    wrong = [check["message"] for check in entry["checks"] if not check["passed"]]
    if wrong:
        raise MediaError(f"{output.path!r} is not all of {file.path!r}: {' '.join(wrong)}")
    return kept_as(manifest, following, output)


def _made_of(made: StageMade, file: JobFile) -> tuple[dict[str, Any], JobFile]:
    """Return what is known of what was made of a file, and which it is: by evidence, by name, or the only one."""
    entries = {entry.get("path"): entry for entry in made.facts.get("files", ())}
    outputs = {output.path: output for output in made.files if not is_sidecar(PurePosixPath(output.path))}
    proved = [path for path, entry in entries.items() if entry.get("source_sha256") == file.sha256 and path in outputs]
    named = [path for path in outputs if PurePosixPath(path).stem == PurePosixPath(file.path).stem]
    likely = proved or named or (list(outputs) if len(outputs) == 1 else [])
    if not likely:
        raise MediaError(f"what was made of {file.path!r} is not known")
    return entries.get(likely[0], {}), outputs[likely[0]]


def compared(library: Library, manifest: ItemManifest, link: MissingLink) -> ItemManifest:
    """Compare both files of a link and return the manifest with the evidence, whatever it says.

    Raises:
        MediaError: one of them has changed since it was taken in: what it is now proves nothing.
        OSError: one of them is not there any more.
    """
    source = _path(library, manifest.stages[link.source_stage], link.source)
    made = _path(library, manifest.stages[link.stage], link.made)
    plan = getattr(library.plan, link.stage)
    parameters = {**library.plan.model_dump(), **plan.model_dump()}
    checks = _checks(source, made, limits_of(parameters), library.plan.remux if link.stage == "remux" else EVERYTHING)
    entry = {
        "path": link.made.path,
        "source": f"{manifest.stages[link.source_stage].folder}/{link.source.path}",
        "sha256": link.made.sha256,
        "size_bytes": link.made.size_bytes,
        "compared_at": library.project.clock.now().isoformat(timespec="seconds"),
        **evidence(checks, link.source),
    }
    return _with_entry(manifest, link, entry)


def _checks(source: Path, made: Path, limits: FootageLimits, plan: RemuxPlan) -> list[CheckResult]:
    """Compare two files; a source that cannot be read is a result too, so that it is not read again at every look."""
    try:
        return compare_footage(source, made, limits, choices=choose_streams(probe(source), plan))
    except MediaError as error:
        return [CheckResult(name="source", passed=False, value="unreadable", expected="readable", message=str(error))]


def _with_entry(manifest: ItemManifest, link: MissingLink, entry: dict[str, Any]) -> ItemManifest:
    stage = manifest.stages[link.stage]
    known = {each.get("path"): each for each in stage.facts.get("files", ())}
    known[link.made.path] = {**known.get(link.made.path, {}), **entry}
    facts = {**stage.facts, "files": list(known.values())}
    return manifest.model_copy(
        update={"stages": {**manifest.stages, link.stage: stage.model_copy(update={"facts": facts})}}
    )


def _path(library: Library, made: StageMade, file: JobFile) -> Path:
    path = library.root / made.folder / file.path
    if sha256_of(path) != file.sha256:
        raise MediaError(f"{made.folder}/{file.path} has changed since it was taken in: touch its marker.")
    return path
