"""Questions to people about an item, and their answers. The only writer of `human_approvals`; every face comes here.

What a person is shown is kept with the question, and an answer names the question: when the item was made again since,
the question is superseded and the answer refused. Answers go into the manifest too, so that the folder alone says them.
"""

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from dayreel.errors import StaleState, UsageError
from dayreel.footage.library.find_titles import LookedUp, find_titles
from dayreel.footage.library.gate_cards import intend_redraws
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.flow import GATE_ABOUT, GateType, NewestGate
from dayreel.footage.rules.names import check_names, episode_names, free_name, movie_names, name_key
from dayreel.footage.rules.sidecars import is_sidecar
from dayreel.footage.schemas.library import GateAnswer, ItemManifest, StageMade
from dayreel.footage.stores.reads import GateRow, ItemRow, gates_of, get_gate, get_item, jobs_of, name_of
from dayreel.providers.lookup.contract import TitleMatch
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.footage_files import is_sound
from dayreel.rules.lifecycle import UNDER_WAY
from dayreel.services.audit import note_act
from dayreel.stores.catalog.tables import human_approvals, media_files, media_items

GateVerdict = Literal["approved", "rejected"]


def subject_of(manifest: ItemManifest, gate: GateType) -> str:
    """Return the fingerprint of what a question is about: the files its stage has made, the time it made them."""
    made = manifest.stages[GATE_ABOUT[gate]]
    return fingerprint(gate=gate, files=list(made.files), stamp=made.facts["marker_stamp"])


def newest_gate(connection: Connection, row: ItemRow, manifest: ItemManifest, gate: GateType) -> NewestGate | None:
    """Return the newest question of a type about the item as it is now."""
    subject = subject_of(manifest, gate)
    rows = [gate_row for gate_row in gates_of(connection, item_id=row.id) if gate_row.approval_type == gate]
    now = [gate_row for gate_row in rows if gate_row.subject_sha256 == subject and gate_row.status != "superseded"]
    return NewestGate(now[-1].status, now[-1].response_data or {}) if now else None  # type: ignore[arg-type]


def ask(library: Library, row: ItemRow, manifest: ItemManifest, gate: GateType) -> str:
    """Ask people about an item; questions about earlier versions of it are superseded. Returns a sentence."""
    # Before the catalog is held for writing: a slow service must keep nobody waiting.
    is_named = gate == "naming_confirm" and not is_sound_alone(manifest.stages["transcode"])
    looked_up = find_titles(library, manifest) if is_named else None
    with library.project.catalog.write("library") as connection:
        prompt = _prompt(connection, row, manifest, gate, looked_up)
        _ask_again(library, connection, row, gate, subject_of(manifest, gate), prompt)
    return f"{row.id}: a person is asked: {gate}"


def look_up_again(library: Library, gate_id: int, *, by: str, via: str) -> GateRow:
    """Ask the service for titles again; return the question, which is a new one where that changes what is shown.

    The old one is superseded: an approval of names that somebody saw before is never one of these.

    Raises:
        UsageError: there is no such question, it is not about names, or the plan asks nobody for titles.
        StaleState: it was answered already, or the item was made again since.
        StateError, StoreError: the manifest cannot be read, or the catalog not be written.
    """
    with library.project.catalog.read() as connection:
        gate = get_gate(connection, gate_id)
        row = get_item(connection, gate.item_id)
    _refuse_stale(gate)
    manifest = library.items.manifest(name_of(row), "transcode")
    if gate.approval_type != "naming_confirm" or manifest is None:
        raise UsageError(
            f"Question {gate_id} about {row.id} is not one about names, or its manifest is gone.",
            next_step="`dayreel library gates` shows what is asked.",
        )
    looked_up = find_titles(library, manifest)
    if looked_up is None:
        raise UsageError(
            f"Nobody is asked for titles, so there is nothing to look up for {row.id}.",
            next_step="Set `file.lookup` in library.yaml; docs/how-to/library.md says what it needs.",
        )
    with library.project.catalog.write("library") as connection:
        _refuse_stale(get_gate(connection, gate_id))
        prompt = _prompt(connection, row, manifest, "naming_confirm", looked_up)
        if prompt == gate.prompt_data:
            return gate
        now, detail = library.project.clock.now(), {"question": gate_id}
        note_act(connection, "look up titles", row.id, actor=by, at=now, via=via, detail=detail)
        return _ask_again(library, connection, row, "naming_confirm", gate.subject_sha256, prompt)


def _ask_again(
    library: Library, connection: Connection, row: ItemRow, gate: GateType, subject: str, prompt: dict[str, Any]
) -> GateRow:
    """Put a question in the place of those that wait; their cards in chats follow."""
    before = [other for other in gates_of(connection, item_id=row.id) if other.status == "pending"]
    connection.execute(
        update(human_approvals)
        .where(human_approvals.c.id.in_([other.id for other in before]))
        .values(status="superseded")
    )
    connection.execute(
        insert(human_approvals).values(
            item_id=row.id,
            approval_type=gate,
            status="pending",
            prompt_data=prompt,
            subject_sha256=subject,
            requested_at=library.project.clock.now(),
        )
    )
    asked = gates_of(connection, item_id=row.id)[-1]
    for each in (*before, asked):
        intend_redraws(library.project, connection, each)
    return asked


def answer(
    library: Library, gate_id: int, verdict: GateVerdict, *, by: str, via: str, response: dict[str, Any] | None = None
) -> GateRow:
    """Record a person's answer. It is durable, in the folder and in the catalog, before this returns.

    Args:
        response: for `remux_review`, `keep`: indexes of the streams to keep, with a rejection, to have it made again;
            for `naming_confirm`, `names`: the library's path of each file, where the proposal is not right.

    Raises:
        UsageError: no such question, or the response does not fit it. Nothing was recorded.
        StaleState: it was answered already, or the item was made again since; says who and when.
        StateError, StoreError: it could not be written.
    """
    with library.project.catalog.write("library") as connection:
        gate = get_gate(connection, gate_id)
        row = get_item(connection, gate.item_id)
        _refuse_stale(gate)
        checked = _checked(gate, row, verdict, response or {})
        _refuse_taken(connection, row, checked.get("names", {}))
        now = library.project.clock.now()
        given = GateAnswer(
            subject=gate.subject_sha256,
            approval_type=gate.approval_type,
            status=verdict,
            by=by,
            via=via,
            at=now,
            response=checked,
        )
        _keep(library, row, given)
        connection.execute(
            update(human_approvals)
            .where(human_approvals.c.id == gate_id, human_approvals.c.status == "pending")
            .values(status=verdict, response_data=checked, responded_at=now, responded_by=by, via=via)
        )
        answered = get_gate(connection, gate_id)
        intend_redraws(library.project, connection, answered)
        return answered


def _refuse_stale(gate: GateRow) -> None:
    if gate.status == "superseded":
        raise StaleState(
            f"{gate.item_id} was made again, or looked up again, since this question ({gate.approval_type}, number "
            f"{gate.id}).",
            next_step="Look at the newest question about it; nothing was recorded.",
        )
    if gate.status != "pending":
        when = gate.responded_at.isoformat(timespec="seconds") if gate.responded_at else "an unknown time"
        raise StaleState(
            f"Question {gate.id} about {gate.item_id} was answered first by {gate.responded_by!r} at {when} "
            f"(via {gate.via}): {gate.status}.",
            next_step="Nothing was recorded.",
        )


def _checked(gate: GateRow, row: ItemRow, verdict: GateVerdict, response: dict[str, Any]) -> dict[str, Any]:
    """Return the response as it is kept.

    Raises:
        UsageError: it does not fit the question.
    """
    if gate.approval_type == "naming_confirm" and verdict == "approved":
        proposed: dict[str, str] = gate.prompt_data["names"]
        return {"names": check_names(name_of(row).kind, response.get("names", proposed), list(proposed))}
    if gate.approval_type == "remux_review" and "keep" in response:
        if verdict == "approved":
            raise UsageError(
                "Other streams need another remux, so they go with a rejection.",
                next_step="Reject it with the streams to keep; it is then made again and asked again.",
            )
        known = {stream["index"] for file in gate.prompt_data["files"] for stream in file["streams"]}
        keep = sorted({int(index) for index in response["keep"]})
        if not keep or not set(keep) <= known:
            raise UsageError(
                f"Streams {keep} cannot be kept of {row.id}.",
                next_step=f"Its streams are {', '.join(map(str, sorted(known)))}.",
            )
        return {"keep": keep}
    if response:
        raise UsageError(
            f"{', '.join(response)} cannot be given with {verdict} of {gate.approval_type}.",
            next_step="Answer without it; nothing was recorded.",
        )
    return {}


def _keep(library: Library, row: ItemRow, gate_answer: GateAnswer) -> None:
    name = name_of(row)
    stage = GATE_ABOUT[gate_answer.approval_type]
    manifest = library.items.manifest(name, stage)
    if manifest is None:
        raise UsageError(
            f"The manifest of {row.id} is not beside its files any more.",
            next_step="`dayreel library scan` looks at the folder again; nothing was recorded.",
        )
    library.items.save(name, stage, manifest.model_copy(update={"answers": (*manifest.answers, gate_answer)}))


# -- what people are shown -------------------------------------------------------------------------------------------


def _prompt(
    connection: Connection, row: ItemRow, manifest: ItemManifest, gate: GateType, looked_up: LookedUp | None
) -> dict[str, Any]:
    made = manifest.stages[GATE_ABOUT[gate]]
    if gate == "remux_review":
        seen = {"folder": made.folder, "files": _files_seen(made.facts, films_of(made))}
        sidecars = [file.path for file in made.files if is_sidecar(PurePosixPath(file.path))]
        return {**seen, "beside": sidecars} if sidecars else seen
    files = films_of(made)
    match = looked_up.match if looked_up is not None else None
    names = free_names(connection, row, propose_names(connection, manifest, files, match=match))
    shown = {"folder": made.folder, "names": names}
    return shown if looked_up is None else {**shown, "looked_up": looked_up.evidence}


def films_of(made: StageMade) -> list[str]:
    """Return the films of a stage; subtitles beside them follow their names."""
    return [file.path for file in made.files if not is_sidecar(PurePosixPath(file.path))]


def is_sound_alone(made: StageMade) -> bool:
    """Return whether a stage's files are all sound: music, a podcast, a book that is read."""
    films = films_of(made)
    return bool(films) and all(is_sound(PurePosixPath(film)) for film in films)


def _files_seen(facts: dict[str, Any], paths: Sequence[str]) -> list[dict[str, Any]]:
    """Return each file with its source's streams: what each is, and whether and why it was dropped."""
    seen = {file["path"]: file for file in facts.get("files", [])}
    return [
        {
            "path": path,
            "duration_s": seen.get(path, {}).get("duration_s"),
            "streams": seen.get(path, {}).get("streams", []),
        }
        for path in paths
    ]


def propose_names(
    connection: Connection, manifest: ItemManifest, files: Sequence[str], *, match: TitleMatch | None = None
) -> dict[str, str]:
    """Return the library's path of each file, as its title, year, series, season and disc suggest.

    Args:
        match: what a service calls it, which then counts for title, year and episodes; numbers stay those of the discs.
    """
    if manifest.kind == "movie":
        if match is None:
            return movie_names(manifest.title, manifest.year, files)
        return movie_names(match.title, match.year or manifest.year, files)
    season = manifest.season or 1
    before = _episodes_before(connection, manifest, season)
    if match is None:
        return episode_names(manifest.series or manifest.title, season, before + 1, sorted(files))
    return episode_names(match.title, season, before + 1, sorted(files), titles=match.episodes)


def _episodes_before(connection: Connection, manifest: ItemManifest, season: int) -> int:
    """Return how many films the earlier discs of the same season have."""
    ripped = (
        select(media_files.c.path)
        .select_from(media_files.join(media_items, media_items.c.id == media_files.c.item_id))
        .where(
            media_items.c.series == manifest.series,
            media_items.c.season == season,
            media_items.c.disc < (manifest.disc or 1),
            media_files.c.stage == "rip",
        )
    )
    return sum(not is_sidecar(PurePosixPath(path)) for path in connection.execute(ripped).scalars())


def free_names(connection: Connection, row: ItemRow, names: dict[str, str]) -> dict[str, str]:
    """Return the names, changed where another item's file has them already, or a file of this one before it."""
    taken = set(_owners(connection, row, names.values()))
    free = {}
    for file, name in names.items():
        free[file] = free_name(name, taken)
        taken.add(name_key(free[file]))
    return free


def _refuse_taken(connection: Connection, row: ItemRow, names: dict[str, str]) -> None:
    owners = _owners(connection, row, names.values()) if names else {}
    for name in names.values():
        if owner := owners.get(name_key(name)):
            raise UsageError(
                f"{name!r} in the library belongs to {owner}.", next_step="Give another name; nothing was recorded."
            )


def _owners(connection: Connection, row: ItemRow, wanted: Collection[str]) -> dict[str, str]:
    """Return which names belong to another item, or are promised to one that is not filed yet, and to which.

    By their keys: a share that ignores case would write one over the other. The whole library is read only where one
    of the wanted names may be taken.
    """
    query = select(media_files.c.path, media_files.c.item_id).where(
        media_files.c.stage == "file", media_files.c.item_id != row.id
    )
    alike = query.where(func.lower(media_files.c.path).in_([name.lower() for name in wanted])).limit(1)
    is_free = all(map(str.isascii, wanted)) and connection.execute(alike).first() is None
    filed = {} if is_free else {name_key(file.path): file.item_id for file in connection.execute(query)}
    return {**_promised(connection, row), **filed}


def _promised(connection: Connection, row: ItemRow) -> dict[str, str]:
    answered = (
        select(human_approvals.c.item_id, human_approvals.c.response_data["names"].label("names"))
        .join(media_items, media_items.c.id == human_approvals.c.item_id)
        .where(
            media_items.c.state == "transcoded",
            human_approvals.c.item_id != row.id,
            human_approvals.c.approval_type == "naming_confirm",
            human_approvals.c.status == "approved",
        )
    )
    sent = [job for job in jobs_of(connection, states=UNDER_WAY) if job.role == "file" and job.item_id != row.id]
    promises = [(promised.item_id, promised.names or {}) for promised in connection.execute(answered)]
    promises += [(job.item_id, job.spec["parameters"].get("names", {})) for job in sent]
    return {name_key(name): item_id for item_id, given in promises for name in given.values()}
