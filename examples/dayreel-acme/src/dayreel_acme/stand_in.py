"""Acme's wire protocol, as the sandbox world speaks it in Acme's place."""

import io
import math
import wave
from decimal import Decimal

from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import clips
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Refused, routes
from dayreel.sandbox.world import SandboxWorld
from dayreel_acme.api import KEY

# A sixteenth of a second of a deep tone, for each letter.
_HUM = b"".join(
    round(8000 * math.sin(math.tau * 160 * at / 8000)).to_bytes(2, "little", signed=True) for at in range(500)
)


def speech(world: SandboxWorld) -> list[Route]:
    """Return the routes of the voice."""
    return routes(world, "acme_voice", _fault_answer, {("POST", "/acme/speech", "speech"): _speak})


def pager(world: SandboxWorld) -> list[Route]:
    """Return the routes of the pager."""
    table = {("POST", "/acme/pages", "send"): _page, ("GET", "/acme/pages/{marker}", "find"): _find}
    return routes(world, "acme_pager", _fault_answer, table)


def video(world: SandboxWorld) -> list[Route]:
    """Return the routes of generated video."""
    table = {
        ("POST", "/acme/jobs", "submit"): _submit,
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
    world, asked = _authorised(call), await call.json() or {}
    page = {"id": world.new_number("acme_page", 12), "text": asked.get("text"), "marker": asked.get("marker")}
    world.store.put("message", f"acme:{page['id']}", {"service": "acme_pager", **page})
    return JSONResponse(page)


async def _find(call: Call) -> Response:
    marker = call.request.path_params["marker"]
    messages = [message for message in _authorised(call).store.all("message") if message.get("marker") == marker]
    return JSONResponse({"id": messages[-1]["id"]} if messages else {})


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
    world.store.put("acme_job", id_, {"seconds": asked.get("seconds", 5), "prompt": prompt})
    return JSONResponse({"id": id_})


async def _status(call: Call) -> Response:
    id_ = call.request.path_params["id"]
    if _authorised(call).store.get("acme_job", id_) is None:
        return JSONResponse({"acme_error": "no such job"}, 404)
    return JSONResponse({"file": f"{call.origin}/acme/files/{id_}.mp4"})


async def _file(call: Call) -> Response:
    job = call.world.store.get("acme_job", call.request.path_params["id"]) or {}
    wish = clips.ClipWish(prompt=str(job.get("prompt")), seed=1, duration_s=int(job.get("seconds", 5)))
    return FileResponse(clips.render(wish, call.world.folder("files", "acme")))
