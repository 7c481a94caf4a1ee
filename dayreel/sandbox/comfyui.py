"""Stand-in for a ComfyUI: validation, one GPU with a queue, the history, uploads and files.

From ComfyUI's own source (master of 2025-10-12). As there, queue and history are in memory: a restart (the fault
`restart`) loses both, and an id that is sent a second time is made a second time.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import clips
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Refused, routes
from dayreel.sandbox.world import Document, SandboxWorld

Input = type | str
"""Of a node: a type, or `link` to another node, or `image` for the name of an upload."""
NODES: Final[Mapping[str, Mapping[str, Input]]] = {
    "UNETLoader": {"unet_name": str},
    "CLIPLoader": {"clip_name": str},
    "VAELoader": {"vae_name": str},
    "LoadImage": {"image": "image"},
    "CLIPTextEncode": {"text": str, "clip": "link"},
    "EmptyHunyuanLatentVideo": {"width": int, "height": int, "length": int, "batch_size": int},
    "WanImageToVideo": {"width": int, "height": int, "length": int, "batch_size": int, "vae": "link"},
    "KSampler": {"seed": int, "steps": int, "model": "link", "latent_image": "link"},
    "VAEDecode": {"samples": "link", "vae": "link"},
    "CreateVideo": {"images": "link", "fps": int},
    "SaveVideo": {"video": "link", "filename_prefix": str},
    "SaveWEBM": {"images": "link", "filename_prefix": str},
    "VHS_VideoCombine": {"images": "link", "frame_rate": int, "filename_prefix": str},
}
"""The nodes that this ComfyUI has, with their required inputs."""
CUSTOM: Final = frozenset({"VHS_VideoCombine"})
SAVES: Final[Mapping[str, str]] = {"SaveVideo": "images", "SaveWEBM": "images", "VHS_VideoCombine": "gifs"}
"""Those that end a workflow, and under which name they list what they saved."""
_FPS: Final = 16
_RENDERINGS: Final = clips.Renderings()
SPECIAL_FAULTS: Final = {
    "stuck": ("submit",),
    "completed_with_error": ("submit",),
    "restart": ("queue", "history"),
    "truncated_file": ("file",),
    "no_video": ("file",),
}
"""Kinds of faults that the handlers here show, and on which routes; `code` of an error is its `exception_type`."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/comfyui`."""
    return routes(
        world,
        "comfyui",
        _fault_answer,
        {
            ("POST", "/comfyui/prompt", "submit"): submit,
            ("GET", "/comfyui/queue", "queue"): queue,
            ("POST", "/comfyui/queue", "stop"): stop,
            ("POST", "/comfyui/interrupt", "stop"): stop,
            ("GET", "/comfyui/history/{prompt_id}", "history"): history,
            ("POST", "/comfyui/upload/image", "upload"): upload,
            ("GET,HEAD", "/comfyui/view", "file"): file,
            ("GET", "/comfyui/system_stats", "system"): system,
            ("GET", "/comfyui/object_info/{kind}", "system"): object_info,
        },
        special_faults=SPECIAL_FAULTS,
        pace={"comfyui_render_s": 0.8, "comfyui_custom_nodes": True},
    )


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here: it knows no keys and no quota."""
    return Response("500 Internal Server Error\n\nServer got itself in trouble", fault.status or 500)


def _invalid(kind: str, message: str, details: str, node_errors: Document | None = None) -> Response:
    error = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return JSONResponse({"error": error, "node_errors": node_errors or {}}, 400)


def _has(world: SandboxWorld, kind: str) -> bool:
    return kind in NODES and (kind not in CUSTOM or bool(world.pace("comfyui_custom_nodes")))


async def submit(call: Call) -> Response:
    """Validate a prompt and put it into the queue."""
    body = await call.json() or {}
    graph = body.get("prompt")
    if not isinstance(graph, dict):
        raise Refused(_invalid("no_prompt", "No prompt provided", "No prompt provided"))
    _validate(call.world, graph)
    digest = call.world.new_digest("comfyui")
    id_ = str(body.get("prompt_id") or digest[:32])
    number = call.world.store.count_up("comfyui_number")
    prompt: Document = {"id": id_, "number": number, "graph": graph, "queued_at": call.world.now().isoformat()}
    prompt |= {"stuck": call.has("stuck"), "error": "", "deleted": False}
    if call.has("completed_with_error"):
        prompt["error"] = str((call.fault.code if call.fault else None) or "RuntimeError")
    call.world.store.put("comfyui_prompt", id_, prompt)
    wish = _clip_wish(prompt)
    call.world.bill(
        vendor="comfyui", kind="segment", id_=f"{id_}#{number}", model="workflow", cost_usd=Decimal(0),
        prompt=wish.prompt, duration_s=wish.duration_s,
    )  # fmt: skip
    if prompt["error"]:
        call.world.unbill("comfyui", f"{id_}#{number}")
    _RENDERINGS.begin(wish, call.world.folder("files", "clips"))
    return JSONResponse({"prompt_id": id_, "number": number, "node_errors": {}})


def _validate(world: SandboxWorld, graph: Document) -> None:
    for id_, node in graph.items():
        if not isinstance(node, dict) or "class_type" not in node:
            message = "Cannot execute because a node is missing the class_type property."
            raise Refused(_invalid("invalid_prompt", message, f"Node ID '#{id_}'"))
        if not _has(world, node["class_type"]):
            message = f"Cannot execute because node {node['class_type']} does not exist."
            raise Refused(_invalid("invalid_prompt", message, f"Node ID '#{id_}'"))
    if not any(node["class_type"] in SAVES for node in graph.values()):
        raise Refused(_invalid("prompt_no_outputs", "Prompt has no outputs", ""))
    node_errors: Document = {}
    for id_, node in graph.items():
        if faults := list(_faults_of(world, graph, node)):
            node_errors[id_] = {"errors": faults, "dependent_outputs": [], "class_type": node["class_type"]}
    if node_errors:
        faults = [fault for node in node_errors.values() for fault in node["errors"]]
        details = "\n".join(f"{fault['message']}: {fault['details']}" for fault in faults)
        kind = "prompt_outputs_failed_validation"
        raise Refused(_invalid(kind, "Prompt outputs failed validation", details, node_errors))


def _faults_of(world: SandboxWorld, graph: Document, node: Document) -> Iterator[Document]:
    inputs = node.get("inputs") or {}
    for name, wanted in NODES[node["class_type"]].items():
        if name not in inputs:
            yield {"type": "required_input_missing", "message": "Required input is missing", "details": name}
        elif wanted == "link":
            target = inputs[name]
            if not isinstance(target, list) or str(target[0]) not in graph:
                yield {"type": "bad_linked_input", "message": "Bad linked input", "details": name}
        elif wanted == "image":
            if world.store.get("comfyui_upload", str(inputs[name])) is None:
                details = f"{name} - Invalid image file: {inputs[name]}"
                yield {"type": "custom_validation_failed", "message": "Custom validation failed", "details": details}
        elif wanted is int and not _is_whole(inputs[name]):
            details = f"{name}, {inputs[name]}, invalid literal for int()"
            message = "Failed to convert an input value to a INT value"
            yield {"type": "invalid_input_type", "message": message, "details": details}


def _is_whole(value: object) -> bool:
    try:
        int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return False
    return True


def _inputs(prompt: Document, name: str) -> list[Any]:
    return [node["inputs"][name] for node in prompt["graph"].values() if name in node.get("inputs", {})]


def _clip_wish(prompt: Document) -> clips.ClipWish:
    texts, size = _inputs(prompt, "text") or [""], [_inputs(prompt, name) or [720] for name in ("width", "height")]
    length = int((_inputs(prompt, "length") or [5 * _FPS])[0])
    return clips.ClipWish(
        prompt=str(texts[0]),
        seed=int((_inputs(prompt, "seed") or [1])[0]) % 2**31,
        width=int(size[0][0]),
        height=int(size[1][0]),
        duration_s=max(1, length // _FPS),
        has_audio=False,
    )


def _standing(world: SandboxWorld) -> dict[str, str]:
    """Return what each prompt is at: one GPU makes one after the other, in the order of their numbers."""
    standing: dict[str, str] = {}
    busy_until_s = 0.0
    is_stuck = False
    prompts = sorted(world.store.all("comfyui_prompt"), key=lambda prompt: int(prompt["number"]))
    for prompt in prompts:
        if prompt["deleted"]:
            continue
        queued_s = -world.age_s(prompt["queued_at"])
        starts_s = max(queued_s, busy_until_s) if standing else queued_s
        ends_s = starts_s + world.pace("comfyui_render_s")
        is_made = clips.is_rendered(_clip_wish(prompt), world.folder("files", "clips"))
        if is_stuck or starts_s > 0:
            standing[prompt["id"]] = "pending"
        elif prompt["stuck"] or ends_s > 0 or not is_made:
            standing[prompt["id"]] = "running"
            is_stuck = True
        else:
            standing[prompt["id"]] = "over"
        busy_until_s = ends_s
    return standing


def _restart(call: Call) -> None:
    if call.has("restart"):
        call.world.store.delete("comfyui_prompt")


async def queue(call: Call) -> Response:
    """Answer what runs and what waits, whole prompts as ComfyUI does."""
    _restart(call)
    standing = _standing(call.world)
    prompts = {prompt["id"]: prompt for prompt in call.world.store.all("comfyui_prompt")}
    shown: dict[str, list[Any]] = {"running": [], "pending": [], "over": []}
    for id_, state in standing.items():
        shown[state].append([prompts[id_]["number"], id_, prompts[id_]["graph"], {"client_id": "dayreel"}, []])
    return JSONResponse({"queue_running": shown["running"], "queue_pending": shown["pending"]})


async def history(call: Call) -> Response:
    """Answer one prompt that is over; nothing of any other."""
    _restart(call)
    id_ = call.request.path_params["prompt_id"]
    prompt = call.world.store.get("comfyui_prompt", id_)
    if prompt is None or _standing(call.world).get(id_) != "over":
        return JSONResponse({})
    messages: list[Any] = [["execution_start", {"prompt_id": id_}]]
    outputs: Document = {}
    if prompt["error"] == "interrupted":
        messages.append(["execution_interrupted", {"prompt_id": id_, "node_type": "KSampler", "executed": []}])
    elif prompt["error"]:
        facts = {"node_type": "KSampler", "exception_type": prompt["error"], "exception_message": "Armed.\n"}
        messages.append(["execution_error", {"prompt_id": id_, **facts, "traceback": [], "current_inputs": {}}])
    else:
        messages.append(["execution_success", {"prompt_id": id_}])
        for node_id, node in prompt["graph"].items():
            if node["class_type"] in SAVES:
                saved = {"filename": f"{id_}.mp4", "subfolder": "video", "type": "output"}
                outputs[node_id] = {SAVES[node["class_type"]]: [saved], "animated": [True]}
    status = {"status_str": "error" if prompt["error"] else "success", "completed": not prompt["error"]}
    return JSONResponse({id_: {"prompt": [], "outputs": outputs, "status": {**status, "messages": messages}}})


async def stop(call: Call) -> Response:
    """Take prompts out of the queue, or interrupt the one that runs."""
    wish = await call.json() or {}
    standing = _standing(call.world)
    for id_ in wish.get("delete", []):
        if standing.get(id_) == "pending":
            call.world.store.merge("comfyui_prompt", id_, deleted=True)
    running = next((id_ for id_, state in standing.items() if state == "running"), None)
    if "delete" not in wish and running and wish.get("prompt_id", running) == running:
        call.world.store.merge("comfyui_prompt", running, error="interrupted", stuck=False)
    return Response("")


async def upload(call: Call) -> Response:
    """Keep a picture among the inputs."""
    async with call.request.form() as form:
        image, subfolder = form.get("image"), str(form.get("subfolder", ""))
        if not isinstance(image, UploadFile) or not image.filename:
            raise Refused(Response("", 400))
        call.world.store.put("comfyui_upload", f"{subfolder}/{image.filename}".lstrip("/"), {"size": image.size})
        return JSONResponse({"name": image.filename, "subfolder": subfolder, "type": str(form.get("type", "input"))})


async def file(call: Call) -> Response:
    """Hand out a saved file."""
    query = call.request.query_params
    prompt = call.world.store.get("comfyui_prompt", query.get("filename", "").removesuffix(".mp4"))
    if prompt is None or (query.get("subfolder"), query.get("type")) != ("video", "output"):
        raise Refused(Response("", 404))
    return await clips.deliver(call, _clip_wish(prompt), call.world.folder("files", "clips"))


async def system(_call: Call) -> Response:
    """Answer what it runs on."""
    device = {"name": "cuda:0 Sandbox GPU", "type": "cuda", "index": 0, "vram_free": 20 * 2**30}
    return JSONResponse({"system": {"os": "posix", "comfyui_version": "0.3.64"}, "devices": [device]})


async def object_info(call: Call) -> Response:
    """Answer what a kind of node takes; nothing of one that it does not have."""
    kind = call.request.path_params["kind"]
    return JSONResponse({kind: {"input": {"required": list(NODES[kind])}}} if _has(call.world, kind) else {})
