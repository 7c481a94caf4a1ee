"""Stand-in for Runway's API: tasks, the organization and its credit, files whose addresses end.

What each model takes is from the types of the SDK 5.24, which the tests compare; what it costs, and the wording of
errors, from Runway's own skills repository (2026-04-21) and public reports of its answers (2026).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import clips, credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Refused, routes
from dayreel.sandbox.world import Document, SandboxWorld

VERSION: Final = "2024-11-06"
_DOCS: Final = "https://docs.dev.runwayml.com/api"
_CREDITS_PER_USD: Final = 100
_RENDERINGS: Final = clips.Renderings()
_ADDRESS_LASTS: Final = timedelta(hours=24)


@dataclass(frozen=True)
class TaskModel:
    """What one model takes.

    Attributes:
        lengths: in seconds; the first is what it makes when asked for none.
        text: its ratios without a picture, the first one it makes when asked for none; none where it needs a picture.
        pictures: likewise with one.
        places: where a picture may stand.
        silent: credits a second; `sound` is the price with sound, where it makes any.
        required: besides `model`.
        optional: what else it takes.
        prompt_limit: in UTF-16 units.
    """

    lengths: tuple[int, ...]
    text: tuple[str, ...]
    pictures: tuple[str, ...]
    places: tuple[str, ...]
    silent: int
    sound: int = 0
    required: frozenset[str] = frozenset({"promptText"})
    optional: frozenset[str] = frozenset()
    prompt_limit: int = 1000


_HD: Final = ("1280:720", "720:1280")
_SHAPES: Final = (*_HD, "1104:832", "960:960", "832:1104", "1584:672")
_MOVING: Final = frozenset({"contentModeration", "seed"})
_FORMATS: Final = frozenset({"outputFormat", "proresProfile"})
_VEO: Final = frozenset({"audio", "duration", "negativePrompt", "seed"})
_SEEDANCE: Final = (
    *("992:432", "864:496", "752:560", "640:640", "560:752", "496:864", "1470:630", "1280:720", "1112:834"),
    *("960:960", "834:1112", "720:1280", "2206:946", "1920:1080", "1664:1248", "1440:1440", "1248:1664", "1080:1920"),
    *("3840:1646", "3840:2160", "3840:2880", "3840:3840", "2880:3840", "2160:3840"),
)


def _veo(silent: int, sound: int) -> TaskModel:
    ratios = (*_HD, "1080:1920", "1920:1080")
    needs = frozenset({"promptText", "ratio"})
    return TaskModel((8, 4, 6), ratios, ratios, ("first", "last"), silent, sound, needs, _VEO)


MODELS: Final[Mapping[str, TaskModel]] = {
    "gen4.5": TaskModel(
        tuple(range(2, 11)), _HD, _SHAPES, ("first",), 12, 0,
        frozenset({"promptText", "ratio", "duration"}), _MOVING | _FORMATS,
    ),
    "gen4_turbo": TaskModel(
        tuple(range(2, 11)), (), _SHAPES, ("first",), 5, 0, frozenset({"ratio"}),
        _MOVING | {"duration", "promptText"},
    ),
    "veo3.1": _veo(20, 40),
    "veo3.1_fast": _veo(10, 15),
    "seedance2": TaskModel(
        tuple(range(4, 16)), _SEEDANCE, _SEEDANCE, ("first", "last"), 36, 36,
        optional=frozenset({"audio", "duration", "ratio", "references", "referenceAudio", "referenceVideos", "seed"}),
        prompt_limit=3500,
    ),
}  # fmt: skip
"""The models that the stand-in knows; the types name more."""


def model_of(body: Document) -> TaskModel:
    """Return a model's rules; one that the table does not have takes whatever it is sent, and costs nothing here.

    So a row of a project can be rehearsed; what Runway refuses of it, only Runway knows.
    """
    if body["model"] in MODELS:
        return MODELS[body["model"]]
    ratios = (str(body.get("ratio", "720:1280")),)
    length = body.get("duration", 5)
    return TaskModel((length,), ratios, ratios, ("first", "last"), 0, required=frozenset(), optional=frozenset(body))


ONLY_WITH_TEXT: Final = frozenset({"references", "referenceVideos"})
_BILLED_FAILURES: Final = ("SAFETY",)
SPECIAL_FAULTS: Final = clips.FAULTS
"""`code` of an error is the task's `failureCode`."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/runway`."""
    return routes(
        world,
        "runway",
        _fault_answer,
        {
            ("POST", "/runway/v1/{endpoint:str}_to_video", "submit"): submit,
            ("GET", "/runway/v1/tasks/{task_id}", "status"): status,
            ("GET", "/runway/v1/organization", "organization"): organization,
            ("GET,HEAD", "/runway/files/{task_id}/{signed_at}/output.mp4", "file"): file,
        },
        special_faults=SPECIAL_FAULTS,
        pace={"runway_render_s": 0.8, "runway_credits": 100_000, "runway_concurrency": 20, "runway_daily": 1_000},
    )


def _error(status_: int, message: str, **more: Any) -> JSONResponse:
    return JSONResponse({"error": message, **more, "docUrl": _DOCS}, status_)


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return _error(401, "The provided API key is not valid.")
    if fault.kind == "quota":
        return _error(400, "You do not have enough credits to run this task.")
    return _error(fault.status or 500, "Armed in the sandbox world.")


def _authorized(call: Call) -> None:
    if call.bearer() != credentials.RUNWAYML_API_SECRET:
        raise Refused(_error(401, "The provided API key is not valid."))
    if call.request.headers.get("x-runway-version") != VERSION:
        raise Refused(_error(400, "The X-Runway-Version header is missing or names no version of this API."))


def _balance(world: SandboxWorld) -> int:
    ours = [item for item in world.store.all("generation") if item["vendor"] == "runway" and item["billed"]]
    spent_usd = sum((Decimal(str(item["cost_usd"])) for item in ours), Decimal(0))
    return int(world.pace("runway_credits") - spent_usd * _CREDITS_PER_USD)


async def submit(call: Call) -> Response:
    """Take a task: `POST /v1/text_to_video` or `/v1/image_to_video`."""
    _authorized(call)
    endpoint, body = call.request.path_params["endpoint"], await call.json()
    if endpoint not in ("text", "image"):
        raise Refused(_error(404, "Not found."))
    if body is None or not isinstance(body.get("model"), str):
        raise Refused(_invalid(["model"], "Invalid input"))
    model = model_of(body)
    if not (model.text if endpoint == "text" else model.pictures):
        raise Refused(_invalid(["model"], "Invalid input"))
    _check(model, body, with_picture=endpoint == "image")
    credit = _credits(model, body)
    if _balance(call.world) < credit:
        raise Refused(_error(400, "You do not have enough credits to run this task."))
    today = [task for task in call.world.store.all("runway_task") if call.world.age_s(task["created_at"]) < 86_400]  # noqa: PLR2004
    if len(today) >= call.world.pace("runway_daily"):
        raise Refused(_error(429, "You have reached the number of generations that your tier allows in a day."))
    digest = call.world.new_digest("runway")
    id_ = "-".join((digest[:8], digest[8:12], "4" + digest[13:16], "8" + digest[17:20], digest[20:32]))
    call.world.bill(
        vendor="runway",
        kind="segment",
        id_=id_,
        model=body["model"],
        cost_usd=Decimal(credit) / _CREDITS_PER_USD,
        prompt=body.get("promptText", ""),
        duration_s=_seconds(model, body),
    )
    task: Document = {"id": id_, "wish": body, "created_at": call.world.now().isoformat(), "credits": credit}
    task |= {"stuck": call.has("stuck"), "failure": ""}
    if call.has("completed_with_error"):
        task["failure"] = _failure(call)
    call.world.store.put("runway_task", id_, task)
    _settle_failure(call.world, task)
    _RENDERINGS.begin(_clip_wish(task), call.world.folder("files", "clips"))
    return JSONResponse({"id": id_})


def _failure(call: Call) -> str:
    return str((call.fault.code if call.fault else None) or "INTERNAL.BAD_OUTPUT.CODE01")


def _settle_failure(world: SandboxWorld, task: Document) -> None:
    if task["failure"] and not task["failure"].startswith(_BILLED_FAILURES):
        world.unbill("runway", task["id"])


def _invalid(path: list[str], message: str) -> Response:
    return _error(400, "Validation of body failed", issues=[{"code": "invalid", "path": path, "message": message}])


def _check(model: TaskModel, body: Document, *, with_picture: bool) -> None:
    allowed = {"model", *model.required, *model.optional, *(("promptImage",) if with_picture else ())}
    allowed -= ONLY_WITH_TEXT if with_picture else set()
    ratios = model.pictures if with_picture else model.text
    prompt, seed = body.get("promptText", "-"), body.get("seed", 0)
    required = {*model.required, *(("promptImage",) if with_picture else ())} - (set() if ratios else {"ratio"})
    rules = [
        *((name in body, [name], "Invalid input: expected a value, received undefined") for name in required),
        *((name in allowed, [name], "Unrecognized key") for name in body),
        (
            isinstance(prompt, str) and 0 < len(prompt.encode("utf-16-le")) <= 2 * model.prompt_limit,
            ["promptText"],
            f"Too big: expected string to have <={model.prompt_limit} characters",
        ),
        (
            type(body.get("duration", model.lengths[0])) is int and _seconds(model, body) in model.lengths,
            ["duration"],
            "Invalid input",
        ),
        (body.get("ratio", ratios[0]) in ratios, ["ratio"], f"Invalid option: expected one of {'|'.join(ratios)}"),
        (type(seed) is int and 0 <= seed < 2**32, ["seed"], "Invalid input"),
        (not with_picture or _is_picture(body.get("promptImage"), model), ["promptImage"], "Invalid asset"),
        (all(_is_uri(part.get("uri")) for part in body.get("references", [])), ["references"], "Invalid asset"),
    ]
    for is_fine, path, message in rules:
        if not is_fine:
            raise Refused(_invalid(path, message))


def _is_picture(asked: object, model: TaskModel) -> bool:
    frames = asked if isinstance(asked, list) else [{"uri": asked, "position": "first"}]
    places = [frame.get("position") for frame in frames if isinstance(frame, dict) and _is_uri(frame.get("uri"))]
    return bool(places) and len(places) == len(frames) and places == list(model.places)[: len(places)]


def _is_uri(uri: object) -> bool:
    return isinstance(uri, str) and uri.startswith(("https://", "runway://", "data:image/"))


def _seconds(model: TaskModel, body: Document) -> int:
    return int(body.get("duration", model.lengths[0]))


def _credits(model: TaskModel, body: Document) -> int:
    has_sound = bool(model.sound) and body.get("audio", True)
    return _seconds(model, body) * (model.sound if has_sound else model.silent)


def _clip_wish(task: Document) -> clips.ClipWish:
    wish = task["wish"]
    model = model_of(wish)
    width, height = _size_of(wish.get("ratio", (model.pictures or model.text)[0]))
    return clips.ClipWish(
        prompt=wish.get("promptText", ""),
        seed=int(task["id"][:6], 16),
        width=width,
        height=height,
        duration_s=_seconds(model, wish),
        has_audio=bool(model.sound) and bool(wish.get("audio", True)),
    )


def _size_of(ratio: str) -> tuple[int, int]:
    """Return width and height: most models name pixels, some 9:16 or auto_720p."""
    width, _, height = ratio.partition(":")
    if width.isdigit() and height.isdigit():
        return (int(width), int(height)) if int(width) > 100 else clips.frame_size("720p", ratio)  # noqa: PLR2004
    return clips.frame_size("720p", "9:16")


def _state(world: SandboxWorld, task: Document) -> str:
    if task["stuck"]:
        return "RUNNING"
    # Those before it that are not over; what does not fit into the tier waits, and is not refused.
    before = [
        other
        for other in world.store.all("runway_task")
        if other["id"] != task["id"] and other["created_at"] < task["created_at"] and not _is_over(world, other)
    ]
    if len(before) >= world.pace("runway_concurrency"):
        return "THROTTLED"
    if not _is_over(world, task):
        return "RUNNING" if world.age_s(task["created_at"]) > world.pace("runway_render_s") / 4 else "PENDING"
    if task["failure"]:
        return "FAILED"
    if clips.is_rendered(_clip_wish(task), world.folder("files", "clips")):
        return "SUCCEEDED"
    _RENDERINGS.begin(_clip_wish(task), world.folder("files", "clips"))  # after a restart nobody is rendering any more
    return "RUNNING"


def _is_over(world: SandboxWorld, task: Document) -> bool:
    return not task["stuck"] and world.age_s(task["created_at"]) >= world.pace("runway_render_s")


async def status(call: Call) -> Response:
    """Answer one task."""
    _authorized(call)
    task = call.world.store.get("runway_task", call.request.path_params["task_id"])
    if task is None:
        raise Refused(_error(404, "Task not found."))
    if call.has("completed_with_error"):
        task = call.world.store.merge("runway_task", task["id"], failure=_failure(call))
        _settle_failure(call.world, task)
    state = "RUNNING" if call.has("stuck") else _state(call.world, task)
    shown: Document = {"id": task["id"], "createdAt": task["created_at"], "status": state}
    if state in ("SUCCEEDED", "FAILED"):
        is_free = task["failure"] and not task["failure"].startswith(_BILLED_FAILURES)
        shown["cost"] = {"credits": 0 if is_free else task["credits"]}
    else:
        shown["estimatedCost"] = {"credits": task["credits"]}
    if state == "RUNNING":
        shown["progress"] = 0.5
    if state == "FAILED":
        shown |= {"failure": "The sandbox was asked to fail.", "failureCode": task["failure"]}
    if state == "SUCCEEDED":
        signed_at = int(call.world.now().timestamp())
        shown["output"] = [f"{call.origin}/runway/files/{task['id']}/{signed_at}/output.mp4"]
    return JSONResponse(shown)


async def organization(call: Call) -> Response:
    """Answer credit, tier and use."""
    _authorized(call)
    world = call.world
    limits = {
        "maxConcurrentGenerations": world.pace("runway_concurrency"),
        "maxDailyGenerations": world.pace("runway_daily"),
    }
    return JSONResponse(
        {
            "creditBalance": _balance(world),
            "tier": {"maxMonthlyCreditSpend": 10_000, "models": dict.fromkeys(MODELS, limits)},
            "usage": {"models": {name: {"dailyGenerations": 0} for name in MODELS}},
        }
    )


async def file(call: Call) -> Response:
    """Hand out a result file, for a day from when its address was given out."""
    parts = call.request.path_params
    task = call.world.store.get("runway_task", parts["task_id"])
    if task is None or call.world.now().timestamp() - int(parts["signed_at"]) > _ADDRESS_LASTS.total_seconds():
        raise Refused(Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml"))
    return await clips.deliver(call, _clip_wish(task), call.world.folder("files", "clips"))
