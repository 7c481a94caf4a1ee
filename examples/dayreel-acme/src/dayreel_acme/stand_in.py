"""Acme's wire protocol, as the sandbox world speaks it in Acme's place."""

import hashlib
import hmac
import io
import json
import math
import wave
from decimal import Decimal

from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import clips
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.interactions import pressed_button
from dayreel.sandbox.wire import Call, Handler, Place, Refused, routes
from dayreel.sandbox.world import ChatDelivery, Document, SandboxWorld
from dayreel_acme.api import KEY
from dayreel_acme.pager import ROOM, SECRET

# A sixteenth of a second of a deep tone, for each letter.
_HUM = b"".join(
    round(8000 * math.sin(math.tau * 160 * at / 8000)).to_bytes(2, "little", signed=True) for at in range(500)
)


def speech(world: SandboxWorld) -> list[Route]:
    """Return the routes of the voice."""
    return routes(world, "acme_voice", _fault_answer, {("POST", "/acme/speech", "speech"): _speak})


def pager(world: SandboxWorld) -> list[Route]:
    """Return the routes of the pager."""
    table: dict[Place, Handler] = {
        ("POST", "/acme/pages", "send"): _page,
        ("PUT", "/acme/pages/{id}", "redraw"): _redraw,
        ("GET", "/acme/pages", "find"): _find,
        ("POST", "/acme/replies", "reply"): _reply,
    }
    world.offer("acme_pager", (), chat=ChatDelivery(_press, _signed, _problem))
    return routes(world, "acme_pager", _fault_answer, table)


def video(world: SandboxWorld) -> list[Route]:
    """Return the routes of generated video."""
    table = {
        ("POST", "/acme/jobs", "submit"): _submit,
        ("GET", "/acme/jobs", "find"): _find_jobs,
        ("GET", "/acme/jobs/{id}", "status"): _status,
        ("GET", "/acme/files/{id}.mp4", "file"): _file,
    }
    return routes(world, "acme_video", _fault_answer, table)


def board(world: SandboxWorld) -> list[Route]:
    """Return the routes of the board."""
    table = {
        ("POST", "/acme/pins", "pin"): _pin,
        ("GET", "/acme/pins", "find"): _find_pin,
        ("GET", "/acme/counters", "counters"): _counters,
    }
    return routes(world, "acme_board", _fault_answer, table)


def _fault_answer(_route: str, fault: Fault) -> Response:
    return JSONResponse({"acme_error": "out of order"}, fault.status or 500)


def _authorised(call: Call) -> SandboxWorld:
    if call.bearer() != KEY.sandbox:
        raise Refused(JSONResponse({"acme_error": "who are you?"}, 401))
    return call.world


async def _speak(call: Call) -> Response:
    _authorised(call)
    asked = await call.json() or {}
    sound = io.BytesIO()
    with wave.open(sound, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(_HUM * len(str(asked.get("text", ""))))
    return Response(sound.getvalue(), media_type="audio/wav")


async def _page(call: Call) -> Response:
    world, page = _authorised(call), await call.json() or {}
    if page.get("room") != ROOM.sandbox:
        raise Refused(JSONResponse({"acme_error": "no such room"}, 404))
    id_ = world.new_number("acme_page", 12)
    world.store.put("message", f"acme:{id_}", {"service": "acme_pager", "id": id_, **page})
    return JSONResponse({"id": id_})


async def _redraw(call: Call) -> Response:
    world, key = _authorised(call), f"acme:{call.request.path_params['id']}"
    if world.store.get("message", key) is None:
        raise Refused(JSONResponse({"acme_error": "no such page"}, 404))
    world.store.merge("message", key, **(await call.json() or {}))
    return JSONResponse({})


async def _find(call: Call) -> Response:
    marker = call.request.query_params["marker"]
    pages = [page for page in _authorised(call).store.all("message") if page.get("marker") == marker]
    return JSONResponse({"id": pages[-1]["id"]} if pages else {})


async def _reply(call: Call) -> Response:
    world, reply = _authorised(call), await call.json() or {}
    world.store.put("reply_ephemeral", world.new_number("acme_reply", 12), {"service": "acme_pager", **reply})
    return JSONResponse({})


def _press(world: SandboxWorld, wish: Document) -> Document:
    """Return what the pager sends when somebody presses, or sends what was typed into the box."""
    person = {"id": wish["user"], "name": wish["name"]}
    if wish.get("form"):
        return {"room": ROOM.sandbox, "person": person, "value": wish["form"], "caption": wish.get("caption")}
    _, button = pressed_button(world, wish, "value", lambda page: page.get("buttons") or [])
    return {"room": ROOM.sandbox, "person": person, "value": button["value"]}


def _signed(press: Document, at: str) -> tuple[str, dict[str, str]]:
    body = json.dumps(press)
    mac = hmac.new(str(SECRET.sandbox).encode(), f"{at}.{body}".encode(), hashlib.sha256)
    return body, {"X-Acme-Timestamp": at, "X-Acme-Signature": mac.hexdigest(), "Content-Type": "application/json"}


def _problem(answer: object) -> str:
    return "" if answer is None or isinstance(answer, dict) else "Acme takes nothing, or a JSON object"


async def _pin(call: Call) -> Response:
    world, asked = _authorised(call), await call.json() or {}
    id_ = world.new_number("acme_pin", 12)
    world.go_live(platform="acme_board", id_=id_, path=f"/acme/pins/{id_}", **asked)
    return JSONResponse({"id": id_})


async def _find_pin(call: Call) -> Response:
    marker = call.request.query_params["marker"]
    pins = [pin["id"] for pin in _authorised(call).posts("acme_board") if pin["marker"] == marker]
    return JSONResponse({"id": pins[-1]} if pins else {})


async def _counters(call: Call) -> Response:
    world = _authorised(call)
    return JSONResponse(
        {id_: 7 for id_ in call.request.query_params["ids"].split(",") if world.post("acme_board", id_)}
    )


async def _submit(call: Call) -> Response:
    world, asked = _authorised(call), await call.json() or {}
    id_ = world.new_number("acme_job", 12)
    prompt, cost = str(asked.get("prompt")), Decimal("0.02") * int(asked.get("seconds", 5))
    world.bill(vendor="acme_video", kind="segment", id_=id_, model="acme-1", cost_usd=cost, prompt=prompt)
    job = {"id": id_, "seconds": asked.get("seconds", 5), "prompt": prompt, "reference": asked.get("reference")}
    world.store.put("acme_job", id_, job)
    return JSONResponse({"id": id_})


async def _find_jobs(call: Call) -> Response:
    reference = call.request.query_params["reference"]
    jobs = [job["id"] for job in _authorised(call).store.all("acme_job") if job["reference"] == reference]
    return JSONResponse({"ids": jobs})


async def _status(call: Call) -> Response:
    id_ = call.request.path_params["id"]
    if _authorised(call).store.get("acme_job", id_) is None:
        return JSONResponse({"acme_error": "no such job"}, 404)
    return JSONResponse({"file": f"{call.origin}/acme/files/{id_}.mp4"})


async def _file(call: Call) -> Response:
    job = call.world.store.get("acme_job", call.request.path_params["id"]) or {}
    wish = clips.ClipWish(prompt=str(job.get("prompt")), seed=1, duration_s=int(job.get("seconds", 5)))
    return FileResponse(clips.render(wish, call.world.folder("files", "acme")))
