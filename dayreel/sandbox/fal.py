"""Stand-in for the fal queue: submit, status with logs, result, cancel, the files to download, the list of requests.

As in the real queue a submit is accepted (and an id given) before the model looks at the input: bad input ends as
COMPLETED with an `error`, the result then answers 422, and nothing is billed.
"""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import bills, clips, credentials, fal_speech
from dayreel.sandbox.fal_models import MODELS, Model, model_of
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Refused, routes
from dayreel.sandbox.world import Document, SandboxWorld

Problem = Document
_RENDERINGS: Final = clips.Renderings()
_MOST_ENDPOINTS: Final = 50
_MOST_ITEMS: Final = 100


SPECIAL_FAULTS: Final = clips.FAULTS


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/fal`."""
    queue = "/fal/queue/{owner}/{app}"
    return routes(
        world,
        "fal",
        _fault_answer,
        {
            ("GET", f"{queue}/requests/{{request_id}}/status", "status"): status,
            ("PUT", f"{queue}/requests/{{request_id}}/cancel", "cancel"): cancel,
            ("GET", f"{queue}/requests/{{request_id}}", "result"): result,
            ("GET,HEAD", "/fal/files/{request_id}/{name}", "file"): file,
            ("GET", "/fal/api/models/requests/by-endpoint", "requests"): list_requests,
            ("GET", "/fal/api/models/usage", "usage"): bills.fal_usage("fal"),
            ("POST", f"{queue}/{{sub:path}}", "submit"): submit,
            ("POST", queue, "submit"): submit,
        },
        special_faults=SPECIAL_FAULTS,
        pace={"fal_queue_s": 0.2, "fal_render_s": 0.6, "fal_listing_s": 0.0, "fal_concurrency": 0},
    )


def infrastructure_error(status_: int, detail: str, kind: str) -> JSONResponse:
    """Return fal's second error shape: one sentence, the kind in body and header."""
    headers = {"x-fal-error-type": kind}
    return JSONResponse({"detail": detail, "error_type": kind}, status_, headers=headers)


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return JSONResponse({"detail": "Invalid API key: authentication is required."}, 401)
    if fault.kind == "quota":
        return JSONResponse({"detail": "User is locked. Reason: Exhausted balance. Top up your balance."}, 403)
    status_ = fault.status or 500
    if status_ == 422:  # noqa: PLR2004
        kind = str(fault.code or "content_policy_violation")
        problem = _problem("prompt", "The content could not be processed.", kind, None)
        return JSONResponse({"detail": [problem]}, 422, headers={"x-fal-error-type": kind})
    typical = {429: "concurrent_requests_limit", 504: "request_timeout", 503: "runner_scheduling_failure"}
    code = str(fault.code or typical.get(status_, "internal_error"))
    return infrastructure_error(status_, "Armed in the sandbox world.", code)


def _authorized(call: Call) -> None:
    if call.bearer("Key") != credentials.FAL_KEY:
        raise Refused(JSONResponse({"detail": "Invalid API key: authentication is required."}, 401))


async def submit(call: Call) -> Response:
    """Answer `POST /{model}`: take the job and hand out its id and addresses."""
    _authorized(call)
    parts = call.request.path_params
    model_id = "/".join(part for part in (parts["owner"], parts["app"], parts.get("sub")) if part)
    if model_id not in MODELS and model_id not in fal_speech.MODELS and "video" not in model_id:
        raise Refused(JSONResponse({"detail": f"Application '{model_id}' not found"}, 404))
    arguments = await call.json()
    if arguments is None:
        raise Refused(infrastructure_error(400, "The request body is not a JSON object.", "bad_request"))
    digest = call.world.new_digest("fal")
    id_ = "-".join((digest[:8], digest[8:12], "4" + digest[13:16], "8" + digest[17:20], digest[20:32]))
    problems = (
        fal_speech.check(model_id, arguments)
        if model_id in fal_speech.MODELS
        else check(model_of(model_id, arguments), arguments)
    )
    is_failing = call.has("completed_with_error")
    request = call.world.store.put(
        "fal_request",
        id_,
        {
            "id": id_,
            "model": model_id,
            "app": f"{parts['owner']}/{parts['app']}",
            "arguments": arguments,
            "submitted_at": call.world.now().isoformat(),
            "problems": problems,
            "is_failing": is_failing,
            "stuck": call.has("stuck"),
            "cancelled": False,
        },
    )
    _bill(call.world, request)
    if problems or is_failing:
        call.world.unbill("fal", id_)
    else:
        queue_s = float(call.world.pace("fal_queue_s"))
        asyncio.get_running_loop().call_later(queue_s, _start_rendering, call.world, id_)
    base = f"{call.origin}/fal/queue/{request['app']}/requests/{id_}"
    return JSONResponse(
        {
            "status": "IN_QUEUE",
            "request_id": id_,
            "response_url": base,
            "status_url": f"{base}/status",
            "cancel_url": f"{base}/cancel",
            "queue_position": 0,
            "logs": None,
            "metrics": {},
        },
        headers={"x-fal-request-id": id_},
    )


def _bill(world: SandboxWorld, request: Document) -> None:
    if request["model"] in fal_speech.MODELS:
        fal_speech.bill(world, request)
        return
    arguments, model = request["arguments"], model_of(request["model"], request["arguments"])
    duration_s, resolution = duration_of(arguments, model), resolution_of(arguments, model)
    world.bill(
        vendor="fal",
        kind="segment",
        id_=request["id"],
        model=request["model"],
        cost_usd=Decimal(0)
        if request["problems"]
        else model.price_usd(duration_s, resolution, sound=_has_sound(arguments, model)),
        prompt=str(arguments.get("prompt")),
        duration_s=duration_s,
        resolution=resolution,
    )


def duration_of(arguments: Document, model: Model) -> int:
    """Return the length asked for, in seconds; where the model chooses one, it is 5 here."""
    digits = "".join(sign for sign in str(arguments.get("duration", model.durations[0])) if sign.isdigit())
    return int(digits or 5)


def _has_sound(arguments: Document, model: Model) -> bool:
    return not (model.sound_field and arguments.get(model.sound_field) is False)


def resolution_of(arguments: Document, model: Model) -> str:
    """Return the resolution asked for, or the model's default."""
    return str(arguments.get("resolution") or (model.resolutions or ("1080p",))[0])


def check(model: Model, arguments: Document) -> list[Problem]:
    """Return what is wrong with a model's input, in the shape of fal's first error."""
    problems: list[Problem] = []
    prompt = arguments.get("prompt")
    if "prompt" not in arguments:
        problems.append(_problem("prompt", "Field required", "missing", arguments))
    elif not isinstance(prompt, str) or not prompt.strip():
        problems.append(_problem("prompt", "Input should be a valid string", "string_type", prompt))
    elif len(prompt) > model.prompt_limit:
        message = f"String should have at most {model.prompt_limit} characters"
        problems.append(_problem("prompt", message, "string_too_long", prompt, max_length=model.prompt_limit))
    allowed = {"duration": model.durations, "aspect_ratio": model.aspects, "resolution": model.resolutions}
    for name, values in allowed.items():
        if not values:
            continue
        value = arguments.get(name, values[0])
        if type(value) is not type(values[0]) or value not in values:
            listed = ", ".join(repr(each) for each in values)
            problems.append(_problem(name, f"Input should be one of {listed}", "literal_error", value, expected=listed))
    problems += _check_rest(arguments)
    problems += [
        _problem(name, "Field required", "missing", arguments) for name in model.needs if not arguments.get(name)
    ]
    unknown = sorted(set(arguments) - model.all_fields)
    problems += [
        _problem(name, "Extra inputs are not permitted", "extra_forbidden", arguments[name]) for name in unknown
    ]
    return problems


def _check_rest(arguments: Document) -> list[Problem]:
    """Check the fields that are the same for every model."""
    problems: list[Problem] = []
    negative = arguments.get("negative_prompt")
    if isinstance(negative, str) and len(negative) > 500:  # noqa: PLR2004
        message = "String should have at most 500 characters"
        problems.append(_problem("negative_prompt", message, "string_too_long", negative, max_length=500))
    if "seed" in arguments and arguments["seed"] is not None and type(arguments["seed"]) is not int:
        problems.append(_problem("seed", "Input should be a valid integer", "int_type", arguments["seed"]))
    pictures = {name: value for name, value in arguments.items() if name.endswith(("image_url", "frame_url"))}
    problems += [
        _problem(name, "Input should be a valid URL", "url_parsing", value)
        for name, value in pictures.items()
        if not str(value).startswith(("https://", "http://", "data:image/"))
    ]
    switches = ("enable_prompt_expansion", "enable_safety_checker", "generate_audio", "auto_fix")
    problems += [
        _problem(name, "Input should be a valid boolean", "bool_type", arguments[name])
        for name in switches
        if name in arguments and not isinstance(arguments[name], bool)
    ]
    return problems


def _problem(field: str, message: str, kind: str, given: Any, **context: Any) -> Problem:
    return {
        "loc": ["body", field],
        "msg": message,
        "type": kind,
        "url": f"https://docs.fal.ai/errors#{kind}",
        "ctx": context,
        "input": given,
    }


# -- following a job --------------------------------------------------------------------------------------


def _known(call: Call) -> Document:
    """Return the job of the path.

    Raises:
        Refused: wrong key, or no such job in this app.
    """
    _authorized(call)
    parts = call.request.path_params
    request = call.world.store.get("fal_request", parts["request_id"])
    if request is None or request["app"] != f"{parts['owner']}/{parts['app']}":
        raise Refused(JSONResponse({"status": "NOT_FOUND"}, 404))
    return request


def wish_of(request: Document) -> clips.ClipWish:
    """Return what is rendered for a job."""
    arguments, model = request["arguments"], model_of(request["model"], request["arguments"])
    # Where there is no field for it, the picture decides, and people's pictures are upright.
    aspect = arguments.get("aspect_ratio") or (model.aspects[0] if model.aspects else "9:16")
    width, height = clips.frame_size(resolution_of(arguments, model), aspect)
    return clips.ClipWish(
        prompt=arguments["prompt"],
        seed=seed_of(request),
        width=width,
        height=height,
        duration_s=duration_of(arguments, model),
        has_audio=_has_sound(arguments, model),
    )


def seed_of(request: Document) -> int:
    """Return the seed asked for, or the one the model drew, which is another one for every job."""
    given = request["arguments"].get("seed")
    return given if given is not None else int(request["id"][:7], 16)


def _start_rendering(world: SandboxWorld, request_id: str) -> None:
    request = world.store.get("fal_request", request_id)
    if request is not None and not request["cancelled"] and request["model"] not in fal_speech.MODELS:
        _RENDERINGS.begin(wish_of(request), world.folder("files", "clips"))


def phase(world: SandboxWorld, request: Document) -> str:
    """Return IN_QUEUE, IN_PROGRESS or COMPLETED by the world's time and the state of the file."""
    if request["cancelled"]:
        return "COMPLETED"
    waits_s = _waits_s(world, request)
    age = world.age_s(request["submitted_at"])
    if age < waits_s:
        return "IN_QUEUE"
    is_hopeless = request["problems"] or request["is_failing"]
    is_hopeless = is_hopeless or request["model"] in fal_speech.MODELS  # there is nothing to be rendered
    is_there = is_hopeless or clips.is_rendered(wish_of(request), world.folder("files", "clips"))
    if not is_there:  # the clock was moved, or a restart lost the one who rendered
        _start_rendering(world, request["id"])
    is_early = request["stuck"] or age < waits_s + float(world.pace("fal_render_s"))
    return "IN_PROGRESS" if is_early or not is_there else "COMPLETED"


def _waits_s(world: SandboxWorld, request: Document) -> float:
    """Return how long a job is queued: also behind those before it, where an account makes only so many at once."""
    queue_s, at_once = float(world.pace("fal_queue_s")), int(world.pace("fal_concurrency"))
    if not at_once:
        return queue_s
    free_at = [0.0] * at_once
    for job in world.store.all("fal_request"):
        submitted_at = datetime.fromisoformat(job["submitted_at"]).timestamp()
        begins_at = max(submitted_at + queue_s, min(free_at))
        if job["id"] == request["id"]:
            return begins_at - submitted_at
        if not (job["cancelled"] or job["problems"]):
            free_at[free_at.index(min(free_at))] = begins_at + float(world.pace("fal_render_s"))
    return queue_s


async def status(call: Call) -> Response:
    """Answer the status of a job; 202 until it is complete."""
    request = _known(call)
    if call.has("completed_with_error"):
        request = call.world.store.merge("fal_request", request["id"], is_failing=True)
        call.world.unbill("fal", request["id"])
    now = "IN_PROGRESS" if call.has("stuck") else phase(call.world, request)
    base = f"{call.origin}/fal/queue/{request['app']}/requests/{request['id']}"
    body: Document = {
        "status": now,
        "request_id": request["id"],
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
    }
    if now == "IN_QUEUE":
        return JSONResponse({**body, "queue_position": 0}, 202)
    body["logs"] = _logs(call.world, request) if call.request.query_params.get("logs") in ("1", "true") else None
    if now == "IN_PROGRESS":
        return JSONResponse(body, 202)
    body["metrics"] = {"inference_time": call.world.pace("fal_render_s")}
    failure = _failure(request)
    if failure:
        body |= {"error": failure[0], "error_type": failure[1]}
    return JSONResponse(body, 200)


def _logs(world: SandboxWorld, request: Document) -> list[Document]:
    share = min(1.0, world.age_s(request["submitted_at"]) / max(0.01, world.pace("fal_render_s")))
    steps = [f"denoising: {percent}%" for percent in (0, 25, 50, 75, 100) if percent <= 100 * share]
    return [{"message": step, "level": "INFO", "source": "run", "timestamp": request["submitted_at"]} for step in steps]


def _failure(request: Document) -> tuple[str, str] | None:
    """Return the sentence and the kind of a failed job."""
    if request["cancelled"]:
        return "Request was cancelled by the client", "client_cancelled"
    if request["problems"]:
        return "Invalid input", str(request["problems"][0]["type"])
    if request["is_failing"]:
        return "The model could not generate a video", "internal_server_error"
    return None


async def result(call: Call) -> Response:
    """Answer the model's output, or its error."""
    request = _known(call)
    headers = {"x-fal-request-id": request["id"]}
    if phase(call.world, request) != "COMPLETED":
        return JSONResponse({"detail": "Request is still in progress"}, 400, headers=headers)
    if request["cancelled"]:
        return infrastructure_error(499, "Request was cancelled by the client", "client_cancelled")
    if request["problems"]:
        kind = str(request["problems"][0]["type"])
        return JSONResponse({"detail": request["problems"]}, 422, headers={**headers, "x-fal-error-type": kind})
    if request["is_failing"]:
        problem = _problem("", "The model could not generate a video", "internal_server_error", None)
        return JSONResponse({"detail": [{**problem, "loc": ["body"]}]}, 500, headers=headers)
    if request["model"] in fal_speech.MODELS:
        audio = {"url": f"{call.origin}/fal/files/{request['id']}/output.mp3", "content_type": "audio/mpeg"}
        return JSONResponse({"audio": audio}, headers=headers)
    wish = wish_of(request)
    path = clips.render(wish, call.world.folder("files", "clips"))
    video = {
        "url": f"{call.origin}/fal/files/{request['id']}/output.mp4",
        "content_type": "video/mp4",
        "file_name": "output.mp4",
        "file_size": path.stat().st_size,
        "width": wish.width,
        "height": wish.height,
        "fps": clips.FPS,
        "duration": float(wish.duration_s),
        "num_frames": wish.duration_s * clips.FPS,
    }
    seconds = str(wish.duration_s)
    body = {"video": video, "seed": seed_of(request), "actual_prompt": request["arguments"]["prompt"]}
    return JSONResponse(body, headers={**headers, "x-fal-billable-units": seconds})


async def cancel(call: Call) -> Response:
    """Cancel a job that is not complete; it is not billed."""
    request = _known(call)
    if phase(call.world, request) == "COMPLETED":
        return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
    call.world.store.merge("fal_request", request["id"], cancelled=True)
    call.world.unbill("fal", request["id"])
    return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)


# -- what an account has requested ------------------------------------------------------------------------


def _platform_error(status_: int, kind: str, message: str) -> JSONResponse:
    """Return an error of the Platform APIs, which have a shape of their own."""
    return JSONResponse({"error": {"type": kind, "message": message}}, status_)


async def list_requests(call: Call) -> Response:
    """Answer what was requested of some endpoints since a moment, last ended first, in pages.

    A request is listed `fal_listing_s` after it was submitted; the page says nowhere how soon the real ones are.
    """
    if call.bearer("Key") != credentials.FAL_KEY:
        raise Refused(_platform_error(401, "authorization_error", "Authentication required"))
    query = call.request.query_params
    endpoints = [name for given in query.getlist("endpoint_id") for name in given.split(",") if name]
    limit, page = query.get("limit", "50"), _page_of(query.get("cursor", ""))
    now = call.world.now()
    since = _moment(query.get("start"), now - timedelta(days=1))
    until = _moment(query.get("end"), now + timedelta(seconds=1))
    rules = (
        (1 <= len(endpoints) <= _MOST_ENDPOINTS, "endpoint_id must name 1 to 50 endpoints"),
        (limit.isdigit() and 1 <= int(limit) <= _MOST_ITEMS, "limit must be between 1 and 100"),
        (page is not None, "cursor is not valid"),
        (since is not None and until is not None, "start and end must be ISO 8601 dates"),
        (query.get("status", "success") in ("success", "error", "user_error"), "status is not valid"),
        (query.get("sort_by", "ended_at") in ("ended_at", "duration"), "sort_by is not valid"),
        (set(query.getlist("expand")) <= {"payloads"}, "expand takes payloads"),
    )
    for is_fine, message in rules:
        if not is_fine:
            raise Refused(_platform_error(400, "validation_error", message))
    assert page is not None and since is not None and until is not None  # noqa: S101, PT018  by the rules
    listed = [
        request
        for request in reversed(call.world.store.all("fal_request"))
        if request["model"] in endpoints
        and since <= datetime.fromisoformat(request["submitted_at"]) < until
        and call.world.age_s(request["submitted_at"]) >= float(call.world.pace("fal_listing_s"))
    ]
    start = page * int(limit)
    end = start + int(limit)
    with_payloads, has_more = "payloads" in query.getlist("expand"), end < len(listed)
    items = [_listed(call.world, request, with_payloads=with_payloads) for request in listed[start:end]]
    cursor = base64.b64encode(str(page + 1).encode()).decode() if has_more else None
    return JSONResponse({"items": items, "next_cursor": cursor, "has_more": has_more})


def _listed(world: SandboxWorld, request: Document, *, with_payloads: bool) -> Document:
    submitted_at = datetime.fromisoformat(request["submitted_at"])
    started_at = submitted_at + timedelta(seconds=float(world.pace("fal_queue_s")))
    has_ended = phase(world, request) == "COMPLETED"
    status_ = 422 if request["problems"] else 500 if request["is_failing"] else 200
    item = {
        "request_id": request["id"],
        "endpoint_id": request["model"],
        "sent_at": _iso(submitted_at),
        "started_at": _iso(started_at),
        "ended_at": _iso(started_at + timedelta(seconds=float(world.pace("fal_render_s")))) if has_ended else None,
        "status_code": status_ if has_ended else None,
        "duration": float(world.pace("fal_render_s")) if has_ended else None,
    }
    return {**item, "json_input": request["arguments"], "json_output": None} if with_payloads else item


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _page_of(cursor: str) -> int | None:
    """Return the number of the page that a cursor encodes, None where it encodes none."""
    try:
        return int(base64.b64decode(cursor, validate=True) or 0)
    except ValueError:
        return None


def _moment(text: str | None, default: datetime) -> datetime | None:
    """Return a date or moment of a query, None where it is neither."""
    try:
        moment = default if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def file(call: Call) -> Response:
    """Hand out a result file, with Range; the CDN knows no key and must not be sent one."""
    if call.request.headers.get("authorization"):
        raise Refused(JSONResponse({"detail": "Do not send your key to the file host."}, 400))
    request = call.world.store.get("fal_request", call.request.path_params["request_id"])
    is_spoken = request is not None and request["model"] in fal_speech.MODELS
    name = "output.mp3" if is_spoken else "output.mp4"
    if request is None or request["problems"] or call.request.path_params["name"] != name:
        raise Refused(Response("Not Found", 404))
    if is_spoken:
        return Response(await fal_speech.sound(request), media_type="audio/mpeg")
    return await clips.deliver(call, wish_of(request), call.world.folder("files", "clips"))
