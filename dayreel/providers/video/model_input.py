"""What a model cannot make is refused here, before any money is reserved; what it can is put into its vendor's words.

What each model takes is its row in `models.yaml`. A limit that is known at second hand refuses nothing: `doubts` says
it. What there is no word or no field for cannot be asked for, wherever that is known from.
"""

import base64
import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dayreel.errors import ConfigurationError
from dayreel.providers.video.contract import SegmentRequest
from dayreel.vendors.models import PICTURES, VideoField, VideoModel

_NAMES = {
    "first_frame": "first frame",
    "last_frame": "last frame",
    "reference": "reference picture",
    "negative_prompt": "negative prompt",
}
_LIMITS = frozenset({"prompt_limit", "negative_prompt_limit", "durations_s", "aspect_ratios"})
# A seed is not among them: a segment that is made again has another one, also where the model cannot be given any.


def check_request(request: SegmentRequest, model: VideoModel) -> None:
    """Refuse what a model cannot make.

    Raises:
        ConfigurationError: names the field, what it is and what is allowed.
    """
    problems = [problem for fact, problem in _misfits(request, model) if not _is_doubtful(model, fact)]
    if problems:
        raise ConfigurationError(
            f"{model.provider} model {model.model!r} cannot make this segment: {'; '.join(problems)}. "
            "Nothing was sent.",
            next_step="Change the channel file, or choose another model, then try again; for a prompt that does not "
            "fit, trying again asks for another one.",
        )


def unfit_prompt(request: SegmentRequest, model: VideoModel) -> str | None:
    """Return why a model cannot take a prompt as it is written, None where it can."""
    misfits = _misfitting_words(request, model)
    return next(
        (problem for fact, problem in misfits if fact in ("prompt", "prompt_limit") and not _is_doubtful(model, fact)),
        None,
    )


def doubts(request: SegmentRequest, model: VideoModel) -> list[str]:
    """Return what may not work: each passes a limit that is known at second hand, and where that was read."""
    return [
        f"{problem} ({model.sources[fact].source}, at second hand)"
        for fact, problem in _misfits(request, model)
        if _is_doubtful(model, fact)
    ]


def _is_doubtful(model: VideoModel, fact: str) -> bool:
    return fact in _LIMITS and model.is_second_hand(fact)


def _misfits(request: SegmentRequest, model: VideoModel) -> Iterator[tuple[str, str]]:
    """Yield each fact of the model that the request does not fit, with a clause."""
    if request.duration_s not in model.durations_s:
        allowed = ", ".join(map(str, model.durations_s))
        yield "durations_s", f"segments.duration_s is {request.duration_s}, allowed: {allowed}"
    if request.resolution not in model.resolutions:
        allowed = ", ".join(model.resolutions)
        yield "resolutions", f"segments.resolution is {request.resolution!r}, allowed: {allowed}"
    # Where there is no field for it, a picture decides, or composition crops what comes.
    if "aspect_ratio" in model.fields and request.aspect_ratio not in model.aspect_ratios:
        yield "aspect_ratios", f"aspect_ratio is {request.aspect_ratio!r}, allowed: {', '.join(model.aspect_ratios)}"
    yield from _misfitting_words(request, model)
    for name, words in _NAMES.items():
        given = getattr(request, name) is not None
        if given and name not in model.fields:
            yield "fields", f"it takes no {words}"
        if not given and name in model.needs:
            yield "needs", f"it needs a {words} (`video.{name}`)"


def _misfitting_words(request: SegmentRequest, model: VideoModel) -> Iterator[tuple[str, str]]:
    length = len(request.prompt)
    if not request.prompt.strip():
        yield "prompt", "the prompt is empty"
    if model.prompt_limit is not None and length > model.prompt_limit:
        yield "prompt_limit", f"the prompt has {length} characters, allowed: 1 to {model.prompt_limit}"
    negative = request.negative_prompt or ""
    if model.negative_prompt_limit is not None and len(negative) > model.negative_prompt_limit:
        yield (
            "negative_prompt_limit",
            f"the negative prompt has {len(negative)} characters, allowed: {model.negative_prompt_limit}",
        )


def vendor_arguments(
    request: SegmentRequest, model: VideoModel, *, root: Path, own_seed: int | None = None
) -> dict[str, Any]:
    """Return a request that `check_request` has let through, in its vendor's fields and words.

    Args:
        root: what the paths of pictures are relative to.
        own_seed: where nobody asked for one; by it the request is found again when its answer is lost.

    Raises:
        ConfigurationError: a picture is not there any more, or is another one by now.
    """
    duration = {"string": str(request.duration_s), "integer": request.duration_s, "with_s": f"{request.duration_s}s"}
    yes, no = model.sound_values
    values: dict[VideoField, Any] = {
        "prompt": request.prompt,
        "duration": duration[model.duration_form],
        "resolution": model.resolutions[request.resolution],
        "aspect_ratio": request.aspect_ratio,
        "sound": yes if model.has_sound(request.resolution) else no,
        "seed": own_seed if request.seed is None else request.seed,
        "negative_prompt": request.negative_prompt,
        **{name: _address(picture, root) for name in PICTURES if (picture := getattr(request, name)) is not None},
    }
    if "reference" in values and model.reference_form == "list":
        values["reference"] = [values["reference"]]
    asked = {field: values.get(name) for name, field in model.fields.items()}
    return {**{field: value for field, value in asked.items() if value is not None}, **model.constants}


def _address(picture: str, root: Path) -> str:
    """Return the address of a picture; one on this machine becomes `data:`, which carries it."""
    path, _, sha256 = picture.partition("#sha256=")
    if not sha256:
        return picture
    try:
        content = (root / path).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"Tried to read the picture {path!r}; it answered: {error}. Nothing was sent.",
            next_step="Put it back, or change `video` in the channel file; then the same command continues.",
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ConfigurationError(
            f"The picture {path!r} was changed while this segment was being made. Nothing was sent.",
            next_step="The same command makes it with the picture as it is now.",
        )
    kind = mimetypes.guess_type(path)[0] or "image/png"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
