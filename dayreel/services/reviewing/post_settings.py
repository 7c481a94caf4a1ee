"""Setting fields of a content's posts for that content alone: what is typed, and whether it fits.

What is set is kept in the content's row, written by `decide`; how it is laid on the channel's own fields is
`rules.post_words.with_own_fields`. An approval is for it like for every other field.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from pydantic import ValidationError

from dayreel.errors import UsageError
from dayreel.providers.platforms.approved import cover_problem
from dayreel.queries.rows import ContentRow
from dayreel.rules.captions import require_visible
from dayreel.schemas.channel import Channel
from dayreel.schemas.posts import COVER_HASH, PictureCover, PostFields
from dayreel.services.project import Project
from dayreel.stores.channel_files import with_cover_hash
from dayreel.vendors.registry import platform_named

FieldChanges = Mapping[str, Mapping[str, Any]]
"""Values by platform and field: as they are typed, or as JSON; None or an empty text unsets one."""
_COVER = frozenset({"cover_at_s", "cover_file"})


def parse_settings(typed: Sequence[str]) -> FieldChanges:
    """Read settings as they are typed at a prompt: `youtube.tags=loom, wool`.

    Raises:
        UsageError: one is not written so.
    """
    settings: dict[str, dict[str, Any]] = {}
    for text in typed:
        match = re.fullmatch(r"(?s)\s*([a-z0-9_]+)\.([a-z0-9_]+)\s*=(.*)", text)
        if match is None:
            raise UsageError(
                f"{text!r} sets nothing.", next_step="Write PLATFORM.FIELD=VALUE, such as `youtube.tags=loom, wool`."
            )
        settings.setdefault(match[1], {})[match[2]] = match[3]
    return settings


def own_fields(
    project: Project, channel: Channel, row: ContentRow, settings: FieldChanges, duration_s: float | None
) -> dict[str, dict[str, Any]]:
    """Return what is set for a content alone, with these changes: only what differs from the channel's own fields.

    Args:
        duration_s: of its final video.

    Raises:
        UsageError: the channel does not publish there, there is no such field, or the value does not fit.
    """
    own = {platform: dict(values) for platform, values in (row.post_fields or {}).items()}
    for platform, typed in settings.items():
        fields = channel.platforms.chosen().get(platform)
        if fields is None:
            raise UsageError(
                f"Channel {channel.name!r} does not publish to {platform!r}.",
                next_step=f"It publishes to: {', '.join(channel.platforms.chosen()) or 'nothing'}.",
            )
        values = {name: _read(fields, platform, name, value) for name, value in typed.items()}
        given = {**fields.model_dump(), **own.get(platform, {})}
        try:
            made = type(fields).model_validate({**given, **values})
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise UsageError(
                f"What is set for {row.id} on {platform} does not fit: {wrong}.", next_step="Nothing was changed."
            ) from None
        made = _with_new_frame(made, given, values)
        made = with_cover_hash(project.settings.channels_dir, made)
        _require_cover_file(project, platform, made)
        _require_cover_within(row, made, duration_s)
        changed = {name for name in type(fields).model_fields if getattr(made, name) != getattr(fields, name)}
        if changed & _COVER:  # the channel may name another kind of cover later
            changed |= _COVER & type(fields).model_fields.keys()
        own[platform] = {name: _as_json(getattr(made, name)) for name in sorted(changed)}
    return {platform: values for platform, values in own.items() if values}


def _with_new_frame(made: PostFields, given: Mapping[str, Any], typed: Mapping[str, Any]) -> PostFields:
    """Let a frame that is chosen take the place of a picture, which would win; a form sends the picture along."""
    if not isinstance(made, PictureCover) or typed.get("cover_at_s") is None:
        return made
    picture = str(given.get("cover_file") or "").partition(COVER_HASH)[0]
    is_sent_along = made.cover_path == picture and made.cover_at_s != given.get("cover_at_s")
    return made.model_copy(update={"cover_file": None}) if is_sent_along or "cover_file" not in typed else made


def _read(fields: PostFields, platform: str, name: str, value: Any) -> Any:
    field = type(fields).model_fields.get(name)
    if field is None:
        raise UsageError(
            f"A post on {platform} has no field {name!r}.", next_step=f"It has: {', '.join(type(fields).model_fields)}."
        )
    if not isinstance(value, str):
        return value
    words = value.strip()
    require_visible(f"{platform}.{name}", words)
    if get_origin(field.annotation) is tuple:
        return tuple(word for word in re.split(r"\s*,\s*", words) if word)
    return words or None


def _require_cover_file(project: Project, platform: str, fields: PostFields) -> None:
    if isinstance(fields, PictureCover) and fields.cover_path is not None:
        path = project.settings.channels_dir / fields.cover_path
        if problem := cover_problem(path, platform_named(platform).limits):
            raise UsageError(
                f"{str(path)!r} cannot be the cover on {platform}: {problem}.", next_step="Nothing was changed."
            )


def _require_cover_within(row: ContentRow, fields: PostFields, duration_s: float | None) -> None:
    at_s = getattr(fields, "cover_at_s", None)
    if at_s is not None and duration_s is not None and at_s >= duration_s:
        raise UsageError(
            f"The video of {row.id} lasts {duration_s:g} s, so that it has no frame at {at_s:g} s.",
            next_step="Choose an earlier moment; nothing was changed.",
        )


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
