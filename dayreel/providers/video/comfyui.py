"""A ComfyUI of one's own, over HTTP: a workflow that people export, with placeholders, run once per segment.

Facts: ComfyUI's own source (server.py, execution.py, main.py; master of 2025-10-12). `POST /prompt` takes an id of the
client's own, by which a lost answer is looked up in the queue and the history. Both are in memory: what is in neither
is certainly not being made, and is made again. Nothing is paid, so doubt costs time alone.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from pydantic import SecretStr

from dayreel.errors import ConfigurationError, ProviderError
from dayreel.providers.http import Http, Refusals, Reply, readable, reveal
from dayreel.providers.video.contract import Job, Lookup, SegmentRequest
from dayreel.providers.video.task_client import TaskClient, own_digest
from dayreel.rules.footage_files import is_footage
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.models import PICTURES, VideoModel
from dayreel.vendors.record import Proof, Setting, Vendor

FOLDER: Final = "workflows"
"""Where workflows lie, below the project's root: `video.model` is a file's name there, without `.json`."""
_WORKFLOW: Final = "Correct the workflow, or export it again for the API with its placeholders, then try again."
NEXT_STEPS: Final[Mapping[str, str]] = {
    "invalid_prompt": "Install the custom nodes that the workflow needs (ComfyUI-Manager), or use another workflow.",
    "missing_node_type": "Install the custom nodes that the workflow needs (ComfyUI-Manager), or use another workflow.",
    "prompt_no_outputs": "End the workflow with a node that saves a video, such as SaveVideo.",
    "prompt_outputs_failed_validation": _WORKFLOW,
    "out_of_memory": "Make shorter segments or a lower resolution, use a smaller model, or free the GPU.",
    "execution_error": _WORKFLOW,
    "interrupted": "Somebody stopped it.",
    "lost": "It is made again.",
}
"""What ComfyUI says of a prompt, or what became of it, to what a person can do."""
_VALIDATED: Final = "ComfyUI, server.py, post_prompt: refused by validation, before it is put into the queue"
REFUSALS: Final[Refusals] = dict.fromkeys(
    (
        (400, "invalid_prompt"),
        (400, "missing_node_type"),
        (400, "no_prompt"),
        (400, "prompt_no_outputs"),
        (400, "prompt_outputs_failed_validation"),
    ),
    _VALIDATED,
)
_PLACEHOLDER: Final = re.compile(r"\{\{\s*(\w+)(?::(\d+))?\s*\}\}")
_UPLOADS: Final = "dayreel"  # a folder of its own among ComfyUI's inputs


class ComfyUIVideo(TaskClient):
    """Workflows of one ComfyUI.

    Args:
        url: its address.
        token: sent as `Authorization: Bearer`, for a proxy in front of it; ComfyUI itself asks for none.
        models: what each workflow takes.
        root: the project's root.
    """

    name = "comfyui"
    console = "Look into ComfyUI's queue and history; what is in neither is made again (`--not-there`)."

    def __init__(
        self, *, url: str, models: ModelList, root: Path, token: SecretStr | str = "", read_s: float = 60
    ) -> None:
        """Keep the settings; nothing is sent."""
        super().__init__(models=models, root=root)
        self._url = url.rstrip("/")
        self._token = reveal(token, name="COMFYUI_TOKEN") if token else ""
        self._read_s = read_s

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    @property
    def _http(self) -> Http:
        return Http(
            "comfyui",
            headers=self._headers,
            secrets=[self._token],
            read_s=self._read_s,
            unreached="Start ComfyUI, or correct the address in COMFYUI_URL.",
        )

    def check(self, request: SegmentRequest) -> None:
        """Refuse what the workflow cannot make. See the contract for the errors."""
        super().check(request)
        asked, model = set(_placeholders(self.workflow(request.model))), self._models.video(self.name, request.model)
        wanted = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
        wanted |= {picture: getattr(request, picture) for picture in PICTURES}
        unmet = [name for name, value in wanted.items() if value and name not in asked]
        unmet += [name for name in asked & set(PICTURES) if not wanted[name]]
        # Of a slip in a placeholder ComfyUI would be sent nothing.
        unmet += asked - {*wanted, *model.fields.values(), "frames", *_measures(request, model)}
        elsewhere = [name for name in PICTURES if "#sha256=" not in (wanted[name] or "#sha256=")]
        if unmet or elsewhere:
            what = (
                f"`video.{elsewhere[0]}` has to be a file here, for ComfyUI fetches none"
                if elsewhere
                else f"the channel, its row and its placeholders do not agree about {', '.join(sorted(unmet))}"
            )
            raise ConfigurationError(
                f"The workflow {request.model!r} cannot make this segment: {what}. Nothing was sent.",
                next_step="Change the channel file, the row in models.yaml (`resolutions: {720p: 720x1280}`), or the "
                "workflow's placeholders: `{{prompt}}`, `{{first_frame}}`.",
            )

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        """Put the workflow into the queue and return `prompt_id` and `model`. See the contract for the errors."""
        self.check(request)
        values = self._arguments(request, own_seed=int.from_bytes(own_digest(permit.key)[:6], "big"))
        values |= _measures(request, self._models.video(self.name, request.model))
        for picture in set(PICTURES) & set(values):
            values[picture] = self._upload(str(values[picture]))
        own_id = prompt_id(permit.key)
        reply = self._http.send(
            "POST",
            f"{self._url}/prompt",
            attempted=self._submitting(permit, request),
            has_side_effects=True,
            json={
                "prompt": _filled(self.workflow(request.model), values),
                "prompt_id": own_id,
                "client_id": "dayreel",
            },
            reference=own_id,
        )
        if not reply.ok:
            raise _refused(reply, own_id, self.console)
        # A ComfyUI from before 2025 gives an id of its own.
        answered = self._id_of(
            reply.document().get("prompt_id"), attempted=reply.attempted, answer=reply.words, reference=own_id
        )
        return {"prompt_id": answered, "model": request.model}

    def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:  # noqa: ARG002  our id is enough
        """Look for our own id in the queue and the history. See the contract for the errors."""
        own_id = prompt_id(key)
        place, entry = self._where(own_id, attempted=f"look up segment {key.sequence} of {key.content_id} at comfyui")
        if not place and entry is None:
            return Lookup((), proves_absence=True, evidence=f"{own_id} is not in comfyui's queue or history")
        return Lookup(({"prompt_id": own_id},), proves_absence=True, evidence=f"comfyui has {own_id}")

    def follow(self, handle: dict[str, Any]) -> Job:
        """Return where the prompt stands, now. See the contract for the errors."""
        own_id, attempted = str(handle["prompt_id"]), "read the status of a segment at comfyui"
        place, entry = self._where(own_id, attempted=attempted)
        if place:
            return Job("running") if place == "running" else Job("queued", progress=place)
        if entry is None:
            return _failed("lost", "ComfyUI knows nothing of it: it was restarted, or its queue was cleared")
        messages = (entry.get("status") or {}).get("messages") or []
        events = {str(message[0]): message[1] for message in messages if isinstance(message[-1], dict)}
        if "execution_error" in events:
            facts = events["execution_error"]
            words = readable(f"{facts.get('node_type')}: {facts.get('exception_message')}")
            is_full = "OutOfMemory" in str(facts.get("exception_type"))
            return _failed("out_of_memory" if is_full else "execution_error", words)
        if "execution_interrupted" in events:
            return _failed("interrupted", "it was interrupted")
        if video := _video_of(entry.get("outputs") or {}):
            return Job("done", file_url=f"{self._url}/view?{urlencode(video)}")
        # Nothing is paid, so a person may try again, with the workflow as it is by then.
        return _failed("prompt_no_outputs", "it is done, without a video")

    def fetch(self, url: str, dest: Path) -> None:
        """Download the finished file. See the contract for the errors."""
        attempted = f"fetch a segment from comfyui to {dest.name!r}"
        # It may have been made when this ComfyUI had another address.
        here = f"{self._url}/view?{urlsplit(url).query}"
        self._http.download(here, dest, attempted=attempted, headers=self._headers or None)

    def cancel(self, handle: dict[str, Any]) -> bool:
        """Interrupt it; False where it is over, or still waits. See the contract for the errors.

        What is taken out of the queue leaves no trace: whoever follows it would take it for lost, and make it again.
        """
        own_id, attempted = str(handle["prompt_id"]), "stop a segment at comfyui"
        place, _entry = self._where(own_id, attempted=attempted)
        if place != "running":
            return False
        reply = self._http.send(
            "POST",
            f"{self._url}/interrupt",
            attempted=attempted,
            has_side_effects=True,
            json={"prompt_id": own_id},
            reference=own_id,
        )
        if not reply.ok:
            raise reply.error(reply.words, reference=own_id)
        return True

    def workflow(self, model: str) -> dict[str, Any]:
        """Return a workflow as it was exported for the API: nodes by id.

        Raises:
            ConfigurationError: it is not there, or is not in the API's format.
        """
        path = self._root / FOLDER / f"{model}.json"
        try:
            graph = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"Tried to read the workflow {FOLDER}/{model}.json; it answered: {error}. Nothing was sent.",
                next_step="Export it from ComfyUI for the API (Workflow, Export (API)) to that file.",
            ) from error
        if isinstance(graph, dict) and all(isinstance(node, dict) and "class_type" in node for node in graph.values()):
            return graph
        raise ConfigurationError(
            f"{FOLDER}/{model}.json is not in ComfyUI's API format. Nothing was sent.",
            next_step="Export it from ComfyUI with Workflow, Export (API), not with Save.",
        )

    def missing_nodes(self, model: str) -> list[str]:
        """Return the kinds of nodes that a workflow has and this ComfyUI does not."""
        kinds = sorted({str(node["class_type"]) for node in self.workflow(model).values()})
        return [kind for kind in kinds if kind not in self.read(f"object_info/{quote(kind, safe='')}")]

    def read(self, path: str, *, attempted: str = "look at comfyui", reference: str | None = None) -> dict[str, Any]:
        """Return one answer of its API, free of charge."""
        reply = self._http.send(
            "GET", f"{self._url}/{path}", attempted=attempted, has_side_effects=False, reference=reference
        )
        if not reply.ok:
            step = "Check COMFYUI_URL, and COMFYUI_TOKEN where a proxy stands in front of it."
            raise reply.error(reply.words, reference=reference, next_step=step, code=str(reply.status))
        return reply.document()

    def _where(self, own_id: str, *, attempted: str) -> tuple[str, dict[str, Any] | None]:
        """Return its place in the queue, in words, or what the history has of it.

        The queue is read first: what ends between the two looks is in the history by then.
        """
        ask = partial(self.read, attempted=attempted, reference=own_id)
        queue = ask("queue")
        if any(own_id in item[1:2] for item in queue.get("queue_running") or ()):
            return "running", None
        pending = sorted(queue.get("queue_pending") or (), key=lambda item: item[0])
        for before, item in enumerate(pending, start=1):
            if own_id in item[1:2]:
                return f"{before} before it", None
        entry = ask(f"history/{quote(own_id, safe='')}").get(own_id)
        return "", entry if isinstance(entry, dict) else None

    def _upload(self, picture: str) -> str:
        """Put a picture (`data:`) among ComfyUI's inputs and return its name there; the same one has the same name."""
        import base64  # noqa: PLC0415  few segments have a picture
        import hashlib  # noqa: PLC0415  the same

        from urllib3 import encode_multipart_formdata  # noqa: PLC0415  comes with what sends

        kind, _, content = picture.removeprefix("data:").partition(";base64,")
        name = f"{hashlib.sha256(content.encode()).hexdigest()[:24]}.{kind.rpartition('/')[2]}"
        parts: dict[str, Any] = {
            "image": (name, base64.b64decode(content), kind),
            "overwrite": "true",
            "subfolder": _UPLOADS,
        }
        body, content_type = encode_multipart_formdata(parts)
        reply = self._http.send(
            "POST",
            f"{self._url}/upload/image",
            attempted=f"upload the picture {name!r} to comfyui",
            has_side_effects=False,  # the same bytes under the same name: safe to repeat
            headers={"Content-Type": content_type},
            data=body,
        )
        if not reply.ok:
            raise reply.error(reply.words, next_step=NEXT_STEPS["execution_error"])
        stored = reply.document()
        return f"{stored.get('subfolder') or ''}/{stored.get('name')}".lstrip("/")


def connect(access: Access) -> ComfyUIVideo:
    """Return ComfyUI as the world of `access` has it; needs COMFYUI_URL."""
    return ComfyUIVideo(
        url=access.url(access.secret("COMFYUI_URL"), "/comfyui"),
        token=access.variable("COMFYUI_TOKEN") or "",
        models=ModelList(access.root),
        root=access.root,
    )


def prompt_id(key: EffectKey) -> str:
    """Return our own id of a prompt: the same effect always has the same one."""
    return str(uuid.UUID(bytes=own_digest(key)[:16], version=4))


def _measures(request: SegmentRequest, model: VideoModel) -> dict[str, int]:
    """Return length and size of a segment; no size where the row's word for the resolution is none, like 720x1280."""
    size = re.fullmatch(r"(\d+)x(\d+)", model.resolutions[request.resolution])
    measures = {"seconds": request.duration_s}
    return measures | ({"width": int(size[1]), "height": int(size[2])} if size else {})


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} stands in it, which is not JSON")


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list):
        for child in part.values() if isinstance(part, dict) else part:
            yield from _texts(child)


def _placeholders(graph: Mapping[str, Any]) -> Iterator[str]:
    return (match[1] for text in _texts(graph) for match in _PLACEHOLDER.finditer(text))


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    """Return a workflow with its placeholders filled in: what is nothing but one becomes its value, a number a number.

    `{{frames:16}}` is the length in frames at 16 a second, and one: as WAN (4n+1) and LTX (8n+1) want it.
    """
    if isinstance(part, dict):
        return {name: _filled(child, values) for name, child in part.items()}
    if isinstance(part, list):
        return [_filled(child, values) for child in part]
    if not isinstance(part, str):
        return part

    def value_of(match: re.Match[str]) -> Any:
        if match[1] == "frames":
            return values["seconds"] * int(match[2] or 24) + 1
        return values.get(match[1], "")

    whole = _PLACEHOLDER.fullmatch(part.strip())
    return value_of(whole) if whole else _PLACEHOLDER.sub(lambda match: str(value_of(match)), part)


def _failed(code: str, words: str) -> Job:
    # Nothing is paid: what another try may mend is tried again, also after ComfyUI has unloaded its models for memory.
    repeats = code in ("lost", "out_of_memory")
    return Job("failed", error=f"{words}. {NEXT_STEPS[code]}", error_code=code, retry_helps=repeats)


def _video_of(outputs: Mapping[str, Any]) -> dict[str, str] | None:
    """Return where the video lies: of SaveVideo under `images`, of VHS under `gifs`; a saved one before a preview."""
    files = [
        {name: str(file.get(name) or "") for name in ("filename", "subfolder", "type")}
        for node in outputs.values()
        for listed in node.values()
        if isinstance(listed, list)
        for file in listed
        if isinstance(file, dict) and is_footage(Path(str(file.get("filename"))))
    ]
    return max(files, key=lambda file: file["type"] == "output", default=None)


def _refused(reply: Reply, reference: str, console: str) -> ProviderError:
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or (reply.status, error.get("type")) not in REFUSALS:
        return reply.error(reply.words, reference=reference, next_step=console)
    code = str(error["type"])
    node_errors = body.get("node_errors") or {}
    wrong = [
        f"{node.get('class_type')}: {fault.get('message')} {fault.get('details')}"
        for node in (node_errors.values() if isinstance(node_errors, dict) else ())
        for fault in node.get("errors", ())
    ]
    words = "; ".join([str(error.get("message")), *(wrong or [str(error.get("details") or "")])])
    return reply.error(words, is_refused=True, reference=reference, code=code, next_step=NEXT_STEPS.get(code, ""))


def prove(access: Access, models: Sequence[str]) -> Proof:
    """Ask ComfyUI what it runs on, and whether it has the nodes of each workflow."""
    client = connect(access)
    stats = client.read("system_stats", attempted="ask comfyui what it runs on")
    device: dict[str, Any] = next(iter(stats.get("devices") or ()), {})
    free_gb = (device.get("vram_free") or 0) / 2**30
    seen = f"ComfyUI {(stats.get('system') or {}).get('comfyui_version')}, {device.get('name')}, {free_gb:.1f} GB free"
    for model in models:
        if missing := client.missing_nodes(model):
            return Proof(
                seen, f"the workflow {model!r} needs nodes it does not have: {', '.join(missing)}",
                NEXT_STEPS["invalid_prompt"],
            )  # fmt: skip
    return Proof(seen)


VENDOR: Final = Vendor(
    name="comfyui",
    label="ComfyUI",
    family="video",
    about="A ComfyUI of your own: any workflow that ends in a video. Nothing is paid.",
    connect=connect,
    settings=(
        Setting("COMFYUI_URL", "address of your ComfyUI, like http://127.0.0.1:8188", secret=False,
            sandbox="http://127.0.0.1:8188"),
        Setting("COMFYUI_TOKEN", "for a proxy in front of it that asks for a bearer token", required=False),
    ),
    can=("video from a workflow of your own", "follows and cancels by id", "looks up lost requests"),
    prove=prove,
    where_to_look="ComfyUI's queue and history",
    order=5,
    first_day=(
        Proof("", "a new ComfyUI has its own nodes alone, and no model", "Install what your workflow needs first."),
        Proof("", "ComfyUI asks nobody for a password", "Let it listen on loopback, or put a proxy in front of it."),
    ),
    handle="prompt_id",
    poll_s=2,
    refusals=frozenset(NEXT_STEPS),
    stand_in="dayreel.sandbox.comfyui:mount",
)  # fmt: skip
