"""Runway's API through its SDK: a task per segment, followed by its id, with what it cost in the answer.

Facts: the types of the SDK 5.24, and docs.dev.runwayml.com (HTTP errors, task failures, usage tiers), read on
2026-12-01. Runway takes no id of a client's own with a task and has no list of tasks, so a lost answer to a submit can
only be looked up by a person, in the portal's request history.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from pydantic import SecretStr

from dayreel.errors import ConfigurationError, DayreelError, PermanentError, ProviderError, TransientError
from dayreel.providers.http import Http, Refusals, Reply, readable, reveal
from dayreel.providers.video.contract import Job, Lookup, SegmentRequest
from dayreel.providers.video.task_client import Meaning, TaskClient
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.record import Proof, Setting, Vendor

if TYPE_CHECKING:
    from runwayml import RunwayML

BASE_URL: Final = "https://api.dev.runwayml.com"
CREDIT_USD: Final = Decimal("0.01")
_CREDIT: Final = "Buy credit at dev.runwayml.com, Billing; credit of the web application does not count here."
_CONSOLE: Final = "Look for the request at dev.runwayml.com, Manage, Request History: its answer has the task's id."
NEXT_STEPS: Final[Mapping[str, str]] = {
    "400": "Check the prompt, the picture and the segment settings in the channel file.",
    "401": "Check RUNWAYML_API_SECRET (dev.runwayml.com, API Keys): `key_` and 128 characters.",
    "404": "Check that RUNWAYML_API_SECRET is a key of the organization that made the task, and the task's id.",
    "429": "The tier's tasks of 24 hours are used up: it is tried again later. More credit lifts the tier.",
    "out_of_credit": _CREDIT,
}
"""HTTP status, or what it means, to what a person can do."""
_ERRORS: Final = "docs.dev.runwayml.com, HTTP errors: no task is made"
REFUSALS: Final[Refusals] = {(400, "error"): _ERRORS, (401, "error"): _ERRORS, (404, "error"): _ERRORS} | {
    # `{"error": ...}` is also what a gateway may say to too many requests; the address of the documents is Runway's.
    (429, "docUrl"): _ERRORS
}
"""What proves that no task was made: a status, and the member of the answer that has to be there. No 5xx does."""

_REWRITE: Final = "Try again: other prompts are then asked for. Or change the idea or the template."
FAILURES: Final[Mapping[str, tuple[Meaning, str]]] = {
    "SAFETY": ("content", _REWRITE),
    "INPUT_PREPROCESSING.SAFETY": ("content", _REWRITE),
    "INPUT_PREPROCESSING.INTERNAL": ("retry", ""),
    "INTERNAL": ("retry", ""),
    "INTERNAL.BAD_OUTPUT": ("retry", ""),
    "THIRD_PARTY": ("retry", ""),
    "ASSET.INVALID": ("refuse", "Use another picture: JPEG, PNG or WebP, at most 5 MB from a file, 16 MB by https."),
    "CANCELLED": ("refuse", "Somebody has cancelled it at Runway."),
}
"""How a `failureCode` begins, to what it means; one that Runway leaves out is `INTERNAL`, by its documents."""
_STATES: Final[Mapping[str, tuple[Literal["queued", "running"], str]]] = {
    "PENDING": ("queued", ""),
    "THROTTLED": ("queued", "waits: the tier's tasks at once are used up"),
    "RUNNING": ("running", ""),
}


class RunwayVideo(TaskClient):
    """Video models of Runway, and those of others that it offers.

    Args:
        key: of an organization at dev.runwayml.com.
        models: what each model takes.
        root: what the paths of pictures are relative to.
        base_url: the API's address, without `/v1`.
    """

    name = "runway"
    console = _CONSOLE

    def __init__(
        self,
        *,
        key: SecretStr | str,
        models: ModelList,
        root: Path = Path(),
        base_url: str = BASE_URL,
        read_s: float = 60,
    ) -> None:
        """Keep the settings; the SDK is imported at the first request."""
        super().__init__(models=models, root=root)
        self._key = reveal(key, name="RUNWAYML_API_SECRET")
        self._base_url = base_url
        self._read_s = read_s

    @property
    def _http(self) -> Http:
        return Http("runway", secrets=[self._key], read_s=self._read_s)

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        """Submit once and return `task_id` and `model`. See the contract for the errors."""
        self.check(request)
        attempted = self._submitting(permit, request)
        body = {"model": request.model, **_in_shape(self._arguments(request))}
        path = "/v1/image_to_video" if "promptImage" in body else "/v1/text_to_video"
        answer = self._ask(
            lambda client: client.post(path, cast_to=object, body=body), attempted=attempted, has_side_effects=True
        )
        task_id = self._id_of(answer.get("id"), attempted=attempted, answer=readable(str(answer), secrets=[self._key]))
        return {"task_id": task_id, "model": request.model}

    def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:
        """Raise PermanentError: only a person can look, in the portal's request history."""
        raise PermanentError(
            attempted=f"look up segment {key.sequence} of {key.content_id} at runway ({request.model})",
            answer=f"runway has no list of tasks; it was sent at {sent_at:%Y-%m-%d %H:%M:%S} UTC",
            next_step=_CONSOLE,
        )

    def follow(self, handle: dict[str, Any]) -> Job:
        """Return where the task stands, now. See the contract for the errors."""
        task_id, attempted = str(handle["task_id"]), "read the status of a segment at runway"
        path = f"/v1/tasks/{quote(task_id, safe='')}"
        task = self._ask(
            lambda client: client.get(path, cast_to=object),
            attempted=attempted,
            has_side_effects=False,
            reference=task_id,
        )
        status = str(task.get("status"))
        if status in _STATES:
            state, progress = _STATES[status]
            share = task.get("progress")
            return Job(state, progress=f"{share:.0%}" if isinstance(share, float) else progress)
        if status in ("FAILED", "CANCELLED"):
            return self._failed(task, str(task.get("failureCode") or ("INTERNAL" if status == "FAILED" else status)))
        if status != "SUCCEEDED":
            raise TransientError(attempted=attempted, answer=f"a status nobody knows ({status!r})", reference=task_id)
        output = task.get("output")
        if not isinstance(output, list) or not output or not isinstance(output[0], str):
            raise self._made_nothing(attempted, task_id)
        return Job("done", file_url=output[0], cost_usd=_cost_of(task))

    def organization(self) -> dict[str, Any]:
        """Return credit, limits and use of the organization."""
        return self._ask(
            lambda client: client.get("/v1/organization", cast_to=object),
            attempted="read the organization at runway",
            has_side_effects=False,
        )

    def _failed(self, task: Mapping[str, Any], code: str) -> Job:
        beginnings = [beginning for beginning in FAILURES if f"{code}.".startswith(f"{beginning}.")]
        meaning, step = FAILURES[max(beginnings, key=len)] if beginnings else ("refuse", "")
        words = readable(f"{task.get('failure') or 'no reason given'} ({code})", secrets=[self._key])
        return Job(
            "failed",
            error=f"{words}. {step}".strip(),
            error_code=code,
            retry_helps=meaning == "retry",
            refuses_content=meaning == "content",
            cost_usd=_cost_of(task),
        )

    def _ask(
        self,
        call: Callable[["RunwayML"], object],
        *,
        attempted: str,
        has_side_effects: bool,
        reference: str | None = None,
    ) -> dict[str, Any]:
        """Let the SDK send one request, and return the answer. It never tries again: each try may be a task."""
        import httpx  # noqa: PLC0415  comes with the SDK, and as late
        import runwayml  # noqa: PLC0415  half a second of import

        from dayreel.providers.sdk_transport import HttpTransport  # noqa: PLC0415  brings httpx

        transport = HttpTransport(
            self._http, attempted=attempted, has_side_effects=has_side_effects, reference=reference
        )
        try:
            call(
                runwayml.RunwayML(
                    api_key=self._key,
                    base_url=self._base_url,
                    max_retries=0,
                    http_client=httpx.Client(transport=transport),
                )
            )
        except runwayml.APIConnectionError as error:
            raise (error.__cause__ if isinstance(error.__cause__, DayreelError) else error) from None
        except (runwayml.APIStatusError, ValueError, RecursionError):
            pass  # what was answered says more than the SDK's error
        if transport.reply is None:
            raise ConfigurationError(
                f"The SDK could not write down what runway was to be sent to {attempted}; nothing was sent.",
                next_step="Look for odd characters in the prompt and the channel file.",
            )
        if not transport.reply.ok:
            raise _refused(transport.reply, reference)
        return transport.reply.document()


def connect(access: Access) -> RunwayVideo:
    """Return Runway as the world of `access` has it; needs RUNWAYML_API_SECRET, and the package of the SDK."""
    access.require_package("runwayml", extra="runway")
    return RunwayVideo(
        key=access.secret("RUNWAYML_API_SECRET"),
        models=ModelList(access.root),
        root=access.root,
        base_url=access.url(BASE_URL, "/runway"),
    )


def _in_shape(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with their pictures as Runway wants them: one of a row's fields for each place in the video."""
    frames = [
        {"uri": arguments.pop(f"promptImage.{position}"), "position": position}
        for position in ("first", "last")
        if f"promptImage.{position}" in arguments
    ]
    if frames:
        arguments["promptImage"] = frames if len(frames) > 1 else frames[0]["uri"]
    if "references" in arguments:
        arguments["references"] = [{"uri": uri} for uri in arguments["references"]]
    return arguments


def _cost_of(task: Mapping[str, Any]) -> Decimal | None:
    cost = task.get("cost")
    credit = cost.get("credits") if isinstance(cost, dict) else None
    if isinstance(credit, bool) or not isinstance(credit, int | float) or not 0 <= credit < math.inf:
        return None
    return Decimal(str(credit)) * CREDIT_USD


def _refused(reply: Reply, reference: str | None) -> ProviderError:
    body = reply.json()
    if not isinstance(body, dict) or not isinstance(body.get("error"), str):
        step = _CONSOLE if reply.has_side_effects else NEXT_STEPS.get(str(reply.status), "")
        return reply.error(reply.words, reference=reference, next_step=step)
    issues = [issue for issue in body.get("issues") or () if isinstance(issue, dict)]
    details = [f"{'.'.join(map(str, issue.get('path') or ()))}: {issue.get('message')}" for issue in issues]
    code = "out_of_credit" if "enough credits" in body["error"] else str(reply.status)
    is_refused = any((reply.status, member) in REFUSALS for member in body)
    return reply.error(
        "; ".join([body["error"].rstrip("."), *details]),
        is_refused=is_refused,
        reference=reference,
        next_step=_CONSOLE if reply.has_side_effects and not is_refused else NEXT_STEPS.get(code, ""),
        code=code,
    )


def prove(access: Access, models: Sequence[str]) -> Proof:
    """Ask for the organization: its credit, and what its tier may make."""
    organization = connect(access).organization()
    credit, tier = organization.get("creditBalance"), (organization.get("tier") or {}).get("models") or {}
    balance = f"{credit} credits"
    for model in models:
        if limits := tier.get(model):
            at_once, a_day = limits.get("maxConcurrentGenerations"), limits.get("maxDailyGenerations")
            balance += f"; {model}: {at_once} at once, {a_day} a day"
    if not credit:
        return Proof(balance, "there is no credit: every task is refused", _CREDIT)
    if missing := [model for model in models if tier and model not in tier]:
        return Proof(balance, f"this organization has no {', '.join(missing)}", "Choose another `video.model`.")
    return Proof(balance)


VENDOR: Final = Vendor(
    name="runway",
    family="video",
    about="Generated video from Runway: its own models, and Veo, Kling, Seedance, WAN and others that it offers.",
    connect=connect,
    settings=(Setting("RUNWAYML_API_SECRET", "dev.runwayml.com, API Keys", sandbox=f"key_{'5a4db0c5' * 16}"),),
    can=("video from text and pictures", "follows by id", "books what was billed"),
    prove=prove,
    where_to_look="dev.runwayml.com, Manage, Request History",
    order=4,
    first_day=(
        Proof(
            "",
            "a new organization has no credit, makes one or two tasks at once and 50 to 200 a day",
            "Buy credit first ($10 at least); $50 lift the tier to three at once. dayreel waits for its turn.",
        ),
    ),
    handle="task_id",
    poll_s=5,
    refusals=frozenset(NEXT_STEPS) | frozenset(FAILURES),
    stand_in="dayreel.sandbox.runway:mount",
)
