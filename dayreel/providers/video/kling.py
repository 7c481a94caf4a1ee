"""Kling's own API: a task per segment, with an API key or a short-lived token that is made from two keys.

Kling takes an id of the caller's own with each task, by which a task whose answer was lost can be looked up (`find`).
Sources: section 12 of the protocol reference, and Kling's published list of error codes; both at second hand.
"""

import base64
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

from pydantic import SecretStr

from dayreel.clock import Clock, SystemClock
from dayreel.errors import ContentRefusedError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Http, Reply, readable, reveal
from dayreel.providers.video.contract import Job, Lookup, SegmentRequest
from dayreel.providers.video.task_client import Meaning, TaskClient, own_digest
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.record import Proof, Setting, Vendor

BASE_URL: Final = "https://api-singapore.klingai.com"
_TASKS: Final = "/v1/videos/text2video"
NOT_FOUND: Final = 1203

_KEYS = "Check KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY and this machine's clock."
_CREDIT = "Buy a resource pack or add credit in the Kling developer console."
_INPUT = "Check the prompt and the segment settings in the channel file."
_CONTENT = "Try again: other prompts are then asked for. Or change the idea or the template."
_LATER = "It is tried again later; fewer segments at once may help."
_CONSOLE = "Look for the task in the Kling developer console."
CODES: Final[Mapping[int, tuple[Meaning, str]]] = {
    1000: ("refuse", _KEYS),
    1001: ("refuse", _KEYS),
    1002: ("refuse", _KEYS),
    1003: ("refuse", _KEYS),
    1004: ("refuse", _KEYS),
    1100: ("refuse", "Look at the account in the Kling developer console."),
    1101: ("refuse", _CREDIT),
    1102: ("refuse", _CREDIT),
    1103: ("refuse", "Give this key access to the model in the Kling developer console."),
    1200: ("refuse", _INPUT),
    1201: ("refuse", _INPUT),
    1202: ("refuse", _INPUT),
    1203: ("refuse", "Check `video.model` in the channel file and the task id."),
    1300: ("content", _CONTENT),
    1301: ("content", _CONTENT),
    1302: ("retry", _LATER),
    1303: ("retry", _LATER),
    1304: ("refuse", "Add this machine's address to the allow list in the Kling developer console."),
    5000: ("doubt", _CONSOLE),
    5001: ("doubt", _CONSOLE),
    5002: ("doubt", _CONSOLE),
}
"""The vendor's `code` to what it means and what a person can do. `doubt` is a plain retry for reads.

The others are decided before a task is made (Kling API reference, General, Error codes: authentication, account,
parameters, policy, limits); only they prove that a submit was not taken on.
"""
_NO_CREDIT: Final = frozenset({1101, 1102})
_RISK_CONTROL: Final = "risk control"
"""What a task that failed says of its content; there is no code for it (public threads, unverified)."""
_STATES: Final[Mapping[str, Literal["queued", "running"]]] = {"submitted": "queued", "processing": "running"}


class KlingVideo(TaskClient):
    """Video models of Kling.

    Args:
        models: what each model takes.
        api_key: from the Kling developer console; goes with every request. Without one:
        access_key: from the same place, with
        secret_key: its other half, which never leaves this machine. They open models up to 3.0.
        base_url: the API's address.
    """

    name = "kling"
    console = _CONSOLE

    def __init__(
        self,
        *,
        models: ModelList,
        access_key: SecretStr | str = "",
        secret_key: SecretStr | str = "",
        api_key: SecretStr | str = "",
        base_url: str = BASE_URL,
        read_s: float = 60,
        clock: Clock | None = None,
    ) -> None:
        """Keep the settings; nothing is sent."""
        super().__init__(models=models)
        self._api_key = reveal(api_key, name="KLING_API_KEY") if api_key else ""
        self._access_key = "" if self._api_key else reveal(access_key, name="KLING_ACCESS_KEY")
        self._secret_key = "" if self._api_key else reveal(secret_key, name="KLING_SECRET_KEY")
        self._tasks_url = base_url.rstrip("/") + _TASKS
        self._read_s = read_s
        self._clock = clock or SystemClock()

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        """Submit once and return `task_id`, `external_task_id` and `model`. See the contract for the errors."""
        self.check(request)
        own_id = external_task_id(permit.key)
        reply = self._http.send(
            "POST",
            self._tasks_url,
            attempted=self._submitting(permit, request),
            has_side_effects=True,
            json={
                "model_name": request.model,
                "external_task_id": own_id,
                **self._arguments(request),
            },
        )
        task_id = self._id_of(
            _data(reply, own_id).get("task_id"), attempted=reply.attempted, answer=reply.words, reference=own_id
        )
        return {"task_id": task_id, "external_task_id": own_id, "model": request.model}

    def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:  # noqa: ARG002  our id is enough
        """Look up the task of a submit whose answer was lost, by our own id of it. See the contract for the errors."""
        own_id = external_task_id(key)
        try:
            task = self._task(own_id, attempted=f"look up segment {key.sequence} of {key.content_id} at kling")
        except PermanentError as error:
            if error.code == str(NOT_FOUND):
                return Lookup((), proves_absence=True, evidence=f"kling knows no task {own_id}")
            raise
        if not task.get("task_id"):
            return Lookup((), proves_absence=False, evidence=f"kling knows {own_id} and gives no task_id")
        handle = {"task_id": str(task["task_id"]), "external_task_id": own_id}
        return Lookup((handle,), proves_absence=True, evidence=f"kling has {own_id}")

    def follow(self, handle: dict[str, Any]) -> Job:
        """Return where the task stands, now. See the contract for the errors."""
        attempted = "read the status of a segment at kling"
        task = self._task(str(handle["task_id"]), attempted=attempted)
        state = str(task.get("task_status"))
        if state in _STATES:
            return Job(_STATES[state])
        if state == "failed":
            words = readable(str(task.get("task_status_msg") or "no reason given"))
            return Job("failed", error=words, error_code="failed", refuses_content=_RISK_CONTROL in words.lower())
        if state != "succeed":
            raise TransientError(
                attempted=attempted, answer=f"a status nobody knows ({state!r})", reference=str(handle["task_id"])
            )
        url = _video_url(task)
        if url is None:
            raise self._made_nothing(attempted, str(handle["task_id"]))
        return Job("done", file_url=url)

    def _task(self, task_id: str, *, attempted: str) -> dict[str, Any]:
        # One route takes either id, Kling's own or ours.
        url = f"{self._tasks_url}/{quote(task_id, safe='')}"
        return _data(
            self._http.send("GET", url, attempted=attempted, has_side_effects=False, reference=task_id), task_id
        )

    @property
    def _http(self) -> Http:
        token = self._api_key or self._token()
        return Http(
            "kling",
            headers={"Authorization": f"Bearer {token}"},
            secrets=[secret for secret in (self._secret_key, self._access_key, token) if secret],
            read_s=self._read_s,
        )

    def _token(self) -> str:
        """Return a JWT (HS256) that is good for half an hour, made from access and secret key."""
        now_at = self._clock.now()
        claims = {
            "iss": self._access_key,
            "exp": int((now_at + timedelta(minutes=30)).timestamp()),
            # Their servers refuse a token from the future, and clocks differ by seconds.
            "nbf": int((now_at - timedelta(seconds=5)).timestamp()),
        }
        signed = f"{_base64({'alg': 'HS256', 'typ': 'JWT'})}.{_base64(claims)}"
        signature = hmac.digest(self._secret_key.encode(), signed.encode(), "sha256")
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def connect(access: Access) -> KlingVideo:
    """Return Kling as the world of `access` has it."""
    models, base_url = ModelList(access.root), access.url(BASE_URL, "/kling")
    if api_key := access.variable("KLING_API_KEY"):
        return KlingVideo(models=models, api_key=api_key, base_url=base_url)
    return KlingVideo(
        models=models,
        access_key=access.secret("KLING_ACCESS_KEY"),
        secret_key=access.secret("KLING_SECRET_KEY"),
        base_url=base_url,
    )


def external_task_id(key: EffectKey) -> str:
    """Return our own id of a task: the same effect always has the same one."""
    return f"dayreel-{own_digest(key).hex()[:24]}"


def _base64(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _data(reply: Reply, reference: str) -> dict[str, Any]:
    """Return an answer's `data`, or raise what its `code` means."""
    body = reply.json()
    code = body.get("code") if isinstance(body, dict) else None
    if reply.ok and code == 0:
        data = body.get("data")
        return data if isinstance(data, dict) else {}
    if isinstance(code, int) and code in CODES:
        words = readable(str(body.get("message", "")), secrets=reply.secrets)
        if reply.has_side_effects and "external_task_id" in words:
            # That id is ours alone: an earlier submit, whose answer proved nothing, has arrived after all.
            raise UnknownOutcomeError(attempted=reply.attempted, answer=f"code {code}: {words}", reference=reference)
        raise _refused(reply, code, words, reference)
    if reply.ok:
        reply.document()
        raise _doubt(reply)(attempted=reply.attempted, answer=f"code {code!r}: {reply.words}", reference=reference)
    step = {401: _KEYS, 402: _CREDIT, 429: _LATER}.get(reply.status, "")
    raise reply.error(reply.words, reference=reference, next_step=step)


def _refused(reply: Reply, code: int, words: str, reference: str) -> ProviderError:
    meaning, step = CODES[code]
    kinds: Mapping[Meaning, type[ProviderError]] = {
        "retry": TransientError,
        "refuse": PermanentError,
        "content": ContentRefusedError,
        "doubt": _doubt(reply),
    }
    return kinds[meaning](
        attempted=reply.attempted,
        answer=f"HTTP {reply.status}, code {code}: {words}",
        reference=reference,
        next_step=step,
        retry_after_s=reply.wait_s,
        code="out_of_credit" if code in _NO_CREDIT else str(code),
    )


def _doubt(reply: Reply) -> type[ProviderError]:
    return UnknownOutcomeError if reply.has_side_effects else TransientError


def _video_url(task: Mapping[str, Any]) -> str | None:
    result = task.get("task_result")
    videos = result.get("videos") if isinstance(result, dict) else None
    first = videos[0] if isinstance(videos, list) and videos else None
    url = first.get("url") if isinstance(first, dict) else None
    return url if isinstance(url, str) and url else None


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Ask for a task that nobody has made: "not found" means that the keys are good."""
    unknown = str(NOT_FOUND)
    try:
        connect(access).follow({"task_id": f"dayreel-{uuid.uuid4().hex[:12]}"})
    except PermanentError as error:
        if error.code != unknown:
            raise
    return Proof("the keys are accepted; whether there is credit only a task shows")


VENDOR: Final = Vendor(
    name="kling",
    family="video",
    about="Generated video from Kling itself.",
    connect=connect,
    settings=(
        Setting(
            "KLING_API_KEY",
            "Kling developer console, API keys; instead of the two below, and for every model",
            required=False,
            replaces=("KLING_ACCESS_KEY", "KLING_SECRET_KEY"),
        ),
        Setting("KLING_ACCESS_KEY", "Kling developer console; opens models up to 3.0", sandbox="sandbox-kling-access"),
        # HS256 wants 32 bytes.
        Setting("KLING_SECRET_KEY", "Kling developer console", sandbox="sandbox-kling-secret-of-at-least-32-bytes"),
    ),
    can=("video from text", "follows by id", "looks up lost requests"),
    prove=prove,
    where_to_look="Kling developer console, task list",
    first_day=(Proof("", "without credit every task is refused, and no free question shows it", _CREDIT),),
    order=2,
    handle="task_id",
    refusals=frozenset(map(str, CODES)),
    stand_in="dayreel.sandbox.kling:mount",
)
