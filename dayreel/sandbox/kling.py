"""Stand-in for Kling's own API: API key or JWT, text2video tasks, look-up by the caller's own id, files."""

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import clips, credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Refused, routes
from dayreel.sandbox.world import Document, SandboxWorld

MODELS: Final = frozenset(
    {"kling-v1-6", "kling-v2-master", "kling-v2-1-master", "kling-v2-5-turbo", "kling-v2-6", "kling-v3"}
)
# Third parties' notes of November 2026: below 3.0 lengths of 5 and 10 s, and sound at `pro` alone.
_SECONDS: Final = {"kling-v3": tuple(map(str, range(3, 16)))}
_SOUND: Final = {("kling-v2-6", "pro"), ("kling-v3", "std"), ("kling-v3", "pro")}
PRICE_USD_PER_S: Final = {"std": Decimal("0.042"), "pro": Decimal("0.07")}
PROMPT_LIMIT: Final = 2500
_RENDERINGS: Final = clips.Renderings()
_TASKS: Final = "/kling/v1/videos/text2video"
SPECIAL_FAULTS: Final = clips.FAULTS


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/kling`."""
    return routes(
        world,
        "kling",
        _fault_answer,
        {
            ("POST", _TASKS, "submit"): submit,
            ("GET", _TASKS + "/{task_id}", "status"): status,
            ("GET", _TASKS, "status"): list_tasks,
            ("GET,HEAD", "/kling/files/{task_id}/output.mp4", "file"): file,
        },
        special_faults=SPECIAL_FAULTS,
        pace={"kling_render_s": 0.8},
    )


def answer(data: Any, *, code: int = 0, message: str = "SUCCEED", http_status: int = 200) -> JSONResponse:
    """Return an answer in Kling's shape; success is `code == 0`."""
    return JSONResponse({"code": code, "message": message, "request_id": "sandbox", "data": data}, http_status)


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return answer(None, code=1004, message="Authorization is expired", http_status=401)
    if fault.kind == "quota":
        return answer(None, code=1102, message="Account balance not enough", http_status=429)
    typical = {429: 1302, 400: 1201, 401: 1000}
    http_status = fault.status or 500
    code = int(fault.code or typical.get(http_status, 5000))
    return answer(None, code=code, message="Armed in the sandbox world.", http_status=http_status)


def _authorized(call: Call) -> None:
    """Check the API key, or the HS256 token made from the access and the secret key.

    Raises:
        Refused: malformed, wrongly signed, or outside of its time.
    """
    if call.bearer() == credentials.KLING_API_KEY:
        return
    try:
        head, body, signature = call.bearer().split(".")
        claims = json.loads(_decoded(body))
        expected = hmac.new(credentials.KLING_SECRET_KEY.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
        is_ours = json.loads(_decoded(head))["alg"] == "HS256" and hmac.compare_digest(expected, _decoded(signature))
        is_ours = is_ours and claims["iss"] == credentials.KLING_ACCESS_KEY
        now = call.world.clock.now().timestamp()  # a client signs with its own clock, which the world's does not move
        is_now = claims["nbf"] <= now <= claims["exp"]
    except (ValueError, KeyError, TypeError):
        raise Refused(answer(None, code=1000, message="Authorization failed", http_status=401)) from None
    if not is_ours:
        raise Refused(answer(None, code=1002, message="Authorization is invalid", http_status=401))
    if not is_now:
        raise Refused(answer(None, code=1004, message="Authorization is expired", http_status=401))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def submit(call: Call) -> Response:
    """Take a task."""
    _authorized(call)
    body = await call.json()
    if body is None:
        raise Refused(answer(None, code=1200, message="The request body is not a JSON object.", http_status=400))
    wish = {"model_name": "kling-v1-6", "mode": "std", "duration": "5", "aspect_ratio": "16:9", **body}
    _check(call.world, wish)
    id_ = call.world.new_number("kling_task", 18)
    task = call.world.store.put(
        "kling_task",
        id_,
        {
            "id": id_,
            "wish": wish,
            "created_at": call.world.now().isoformat(),
            "stuck": call.has("stuck"),
            "is_failing": call.has("completed_with_error"),
        },
    )
    call.world.bill(
        vendor="kling",
        kind="segment",
        id_=id_,
        model=wish["model_name"],
        cost_usd=PRICE_USD_PER_S[wish["mode"]] * int(wish["duration"]),
        prompt=wish["prompt"],
        duration_s=int(wish["duration"]),
    )
    if task["is_failing"]:
        call.world.unbill("kling", id_)
    else:
        _start_rendering(call.world, task)
    return answer(_shown(call, task))


def _check(world: SandboxWorld, wish: Document) -> None:
    rules = (
        (isinstance(wish.get("prompt"), str) and 0 < len(wish["prompt"]) <= PROMPT_LIMIT, "prompt is invalid"),
        (wish["model_name"] in MODELS, f"model_name {wish['model_name']!r} is invalid"),
        (wish["mode"] in PRICE_USD_PER_S, "mode must be std or pro"),
        (wish["duration"] in _SECONDS.get(wish["model_name"], ("5", "10")), "duration is invalid"),
        (wish["aspect_ratio"] in ("16:9", "9:16", "1:1"), "aspect_ratio is invalid"),
        (wish.get("sound", "off") in ("on", "off"), "sound must be on or off"),
        (
            wish.get("sound") != "on" or (wish["model_name"], wish["mode"]) in _SOUND,
            "sound is not supported by this model in this mode",
        ),
        (_by_external_id(world, wish.get("external_task_id")) is None, "external_task_id already exists"),
    )
    for is_fine, message in rules:
        if not is_fine:
            raise Refused(answer(None, code=1201, message=message, http_status=400))


def _by_external_id(world: SandboxWorld, external_id: str | None) -> Document | None:
    if not external_id:
        return None
    tasks = world.store.all("kling_task")
    return next((task for task in tasks if task["wish"].get("external_task_id") == external_id), None)


def _clip_wish(task: Document) -> clips.ClipWish:
    wish = task["wish"]
    width, height = clips.frame_size("1080p" if wish["mode"] == "pro" else "720p", wish["aspect_ratio"])
    return clips.ClipWish(
        prompt=wish["prompt"],
        seed=int(task["id"][-7:]),
        width=width,
        height=height,
        duration_s=int(wish["duration"]),
        has_audio=wish.get("sound") == "on",
    )


def _start_rendering(world: SandboxWorld, task: Document) -> None:
    _RENDERINGS.begin(_clip_wish(task), world.folder("files", "clips"))


def _state(world: SandboxWorld, task: Document) -> str:
    age = world.age_s(task["created_at"])
    if age < world.pace("kling_render_s") / 4:
        return "submitted"
    if task["stuck"] or age < world.pace("kling_render_s"):
        return "processing"
    if task["is_failing"]:
        return "failed"
    is_there = clips.is_rendered(_clip_wish(task), world.folder("files", "clips"))
    if not is_there:  # after a restart nobody is rendering any more
        _start_rendering(world, task)
    return "succeed" if is_there else "processing"


def _shown(call: Call, task: Document) -> Document:
    state = "processing" if call.route == "status" and call.has("stuck") else _state(call.world, task)
    created_ms = int(call.world.now().timestamp() - call.world.age_s(task["created_at"])) * 1000
    shown: Document = {
        "task_id": task["id"],
        "task_status": state,
        "task_info": {"external_task_id": task["wish"].get("external_task_id")},
        "created_at": created_ms,
        "updated_at": created_ms,
    }
    if state == "failed":
        shown["task_status_msg"] = "Failure to pass the risk control system"
    if state == "succeed":
        url = f"{call.origin}/kling/files/{task['id']}/output.mp4"
        video = {"id": f"v{task['id']}", "url": url, "duration": task["wish"]["duration"]}
        shown["task_result"] = {"videos": [video]}
    return shown


async def status(call: Call) -> Response:
    """Answer one task, by its id or by the caller's own."""
    _authorized(call)
    id_ = call.request.path_params["task_id"]
    task = call.world.store.get("kling_task", id_) or _by_external_id(call.world, id_)
    if task is None:
        raise Refused(answer(None, code=1203, message=f"The task {id_} does not exist", http_status=404))
    if call.has("completed_with_error"):
        task = call.world.store.merge("kling_task", task["id"], is_failing=True)
        call.world.unbill("kling", task["id"])
    return answer(_shown(call, task))


async def list_tasks(call: Call) -> Response:
    """Answer the tasks, newest first."""
    _authorized(call)
    return answer([_shown(call, task) for task in reversed(call.world.store.all("kling_task"))])


async def file(call: Call) -> Response:
    """Hand out a result file."""
    task = call.world.store.get("kling_task", call.request.path_params["task_id"])
    if task is None:
        raise Refused(Response("Not Found", 404))
    return await clips.deliver(call, _clip_wish(task), call.world.folder("files", "clips"))
