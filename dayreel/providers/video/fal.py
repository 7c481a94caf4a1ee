"""fal's queue: submit once by our own call, then follow, fetch and cancel by the stored request id.

The SDK sends a submit up to ten times when answers are lost, and each accepted one is billed; so it never submits. It
reads statuses and results and cancels, on a transport that makes one attempt per read and leaves no read without an
end. What each model takes is its row in `models.yaml`.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import SecretStr

from dayreel.errors import ContentRefusedError, ProviderError, TransientError
from dayreel.providers.http import Http, Refusals, Reply, readable, reveal, status_error
from dayreel.providers.listings import CLOCK_SKEW, ListedItem, Listing, moment, read_pages
from dayreel.providers.video import fal_bill
from dayreel.providers.video.contract import Job, Lookup, SegmentRequest
from dayreel.providers.video.task_client import TaskClient, own_digest
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.record import Proof, Setting, Vendor

if TYPE_CHECKING:
    import httpx
    from fal_client import SyncRequestHandle

KEY: Final = Setting("FAL_KEY", "fal.ai dashboard, Keys", sandbox="sandbox-fal-id:sandbox-fal-secret")
QUEUE_URL: Final = "https://queue.fal.run/"
_NOT_FOUND: Final = 404
_ERRORS: Final = 400

RETRY_HELPS: Final = frozenset(
    {
        "internal_server_error",
        "generation_timeout",
        "downstream_service_error",
        "downstream_service_unavailable",
        "request_timeout",
        "startup_timeout",
        "runner_scheduling_failure",
        "runner_connection_timeout",
        "runner_connection_refused",
        "runner_connection_error",
        "runner_disconnected",
        "runner_incomplete_response",
        "runner_server_error",
        "internal_error",
    }
)
"""The vendor's error types after which the same request may well succeed."""

_ERRORS_PAGE: Final = "fal.ai/docs, Model APIs, Errors"
REFUSALS: Final[Refusals] = {
    (400, "bad_request"): f"{_ERRORS_PAGE}: the body cannot be read",
    (401, "unauthorized"): "fal.ai/docs, Inference API, Authentication: checked before the queue",
    (402, "out_of_credit"): "fal.ai/docs, FAQ, Billing: a locked account queues nothing",
    (403, "out_of_credit"): "fal.ai/docs, FAQ, Billing: a locked account queues nothing",
    (403, "forbidden"): "fal.ai/docs, Inference API, Authentication: checked before the queue",
    (404, "not_found"): f"{_ERRORS_PAGE}: there is no such application to queue for",
    (422, "invalid_input"): f"{_ERRORS_PAGE}: the input was judged, and no id was given out",
    (429, "concurrent_requests_limit"): f"{_ERRORS_PAGE}: too many at once; not queued",
}
"""What proves that a submit was not taken on. No 5xx does: the queue may have the request by then."""

_OWN_SENTENCES: Final = {
    401: ("Invalid API key", "unauthorized"),
    402: ("User is locked", "out_of_credit"),
    403: ("User is locked", "out_of_credit"),
    404: ("Application '", "not_found"),
}
"""How fal's own answers without an error type begin, and what they mean. `{"detail": "Not Found"}` is what any gateway
written with the same framework says, and proves nothing.
"""

NEXT_STEPS: Final[Mapping[str, str]] = {
    "401": "Check FAL_KEY (fal.ai dashboard, Keys).",
    "out_of_credit": "Add credit at fal.ai, dashboard, Billing; an account that stays locked with credit, or has an "
    "admin lock, is unlocked by support@fal.ai alone.",
    "403": "Give this key access to the model in the fal.ai dashboard.",
    "404": "Check `video.model` in the channel file and the request id.",
    "422": "Check the prompt and the segment settings in the channel file.",
    "429": "It is tried again later; fewer segments at once may help.",
    "content_policy_violation": "Try again: other prompts are then asked for. Or change the idea or the template.",
}
"""HTTP status or error type to what a person can do."""
CONTENT_REFUSALS: Final = frozenset({"content_policy_violation"})
"""The vendor's error types that are about what was asked for."""

_DASHBOARD: Final = "Look for the request in the fal.ai dashboard, Requests."
_READS_PER_FOLLOW: Final = 6
_PAGE_SIZE: Final = 100
_PAGES: Final = 20
_MOST_MODELS: Final = 50  # that one list may name


class FalVideo(TaskClient):
    """Video models on fal.

    Args:
        key: from the fal.ai dashboard.
        models: what each model takes.
        root: what the paths of pictures are relative to.
        queue_url: the queue's address; a stand-in's may be plain http and have a path.
        api_url: the address of the Platform APIs, which list what was requested.
        media: what a result is called: `video`, or `audio` of the voices.
        connect_s: how long a connection may take to stand, in seconds.
        read_s: how long the service may be silent, in seconds.
    """

    name = "fal"
    console = _DASHBOARD
    lists_everything = True

    def __init__(
        self,
        *,
        key: SecretStr | str,
        models: ModelList,
        root: Path = Path(),
        queue_url: str = QUEUE_URL,
        api_url: str = fal_bill.API_URL,
        media: str = "video",
        connect_s: float = 10,
        read_s: float = 60,
    ) -> None:
        """Keep the settings; the SDK is imported when the first request is followed."""
        self._key = reveal(key, name="FAL_KEY")
        super().__init__(models=models, root=root)
        self._queue_url = queue_url.rstrip("/")
        self._api_url = api_url.rstrip("/")
        self._media = media
        self._timeout = {"connect": connect_s, "read": read_s, "write": read_s, "pool": connect_s}
        self._auth = {"Authorization": f"Key {self._key}"}

    @property
    def _http(self) -> Http:
        connect_s, read_s = self._timeout["connect"], self._timeout["read"]
        return Http("fal", headers=self._auth, secrets=[self._key], connect_s=connect_s, read_s=read_s)

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        """Submit once. See the contract for the errors."""
        self.check(request)
        arguments = self._arguments(request, own_seed=own_seed(permit.key))
        return self.submit_input(request.model, arguments, attempted=self._submitting(permit, request))

    def submit_input(self, model: str, arguments: Mapping[str, Any], *, attempted: str) -> dict[str, Any]:
        """Submit any model's input once, with a permit in the caller's hand. See the contract for the errors.

        Returns:
            `request_id`, `model` and the URLs the queue gave, which are for people: calls are addressed by the id, so
            that they still arrive when the service has moved to another address.
        """
        url = f"{self._queue_url}/{model}"
        reply = self._http.send("POST", url, attempted=attempted, has_side_effects=True, json=arguments)
        if not reply.ok:
            raise _submit_refused(reply)
        answer = reply.document()
        request_id = self._id_of(answer.get("request_id"), attempted=reply.attempted, answer=reply.words)
        urls: dict[str, Any] = {
            name: str(answer[name]) for name in ("status_url", "response_url", "cancel_url") if name in answer
        }
        return {"request_id": request_id, "model": model, **urls}

    def follow(self, handle: dict[str, Any]) -> Job:
        """Return where the request stands, now. See the contract for the errors."""
        import fal_client  # noqa: PLC0415  half a second of import

        attached = self._attach(handle)
        attempted = f"read the status of a segment at fal ({handle['model']})"
        try:
            status = attached.status(with_logs=True)
        except fal_client.client.FalClientHTTPError as error:
            raise self._read_refused(error, attempted, attached.request_id) from None
        except (ValueError, KeyError, TypeError) as error:
            raise _unreadable(attempted, attached.request_id, error) from None
        if isinstance(status, fal_client.Queued):
            return Job("queued", progress=f"position {status.position} in the queue")
        if isinstance(status, fal_client.InProgress):
            return Job("running", progress=_last_message(status.logs))
        if isinstance(status, fal_client.Completed) and status.error:
            code = status.error_type or "unknown"
            return self._failed(code, status.error)
        return self._result(attached, handle)

    def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:
        """Look for a request with exactly our input, our own seed in it, since it was sent. See the contract."""
        # Pictures are left out: they are long, and a file may be gone by now.
        bare = replace(request, first_frame=None, last_frame=None, reference=None)
        return self.find_input(request.model, self._arguments(bare, own_seed=own_seed(key)), sent_at=sent_at)

    def find_input(self, model: str, wanted: Mapping[str, Any], *, sent_at: datetime) -> Lookup:
        """Look for a request whose input has all of `wanted`, since it was sent.

        fal says nowhere when a request is listed (while it queues, once it has ended, minutes later), so a list without
        it proves nothing.
        """

        def can_be_it(item: ListedItem) -> bool:
            is_in_time = item.made_at is None or item.made_at >= sent_at - CLOCK_SKEW
            return is_in_time and wanted.items() <= (item.raw.get("json_input") or {}).items()

        listing = self._list([model], sent_at)
        match = listing.match(can_be_it)
        candidates = match.candidates if listing.is_whole else ()  # another one may follow
        handles = tuple({"request_id": item.id, "model": model} for item in candidates)
        evidence = f"of the requests that fal lists for {model} since {sent_at:%Y-%m-%d %H:%M} UTC, {match}"
        return Lookup(handles, proves_absence=False, evidence=evidence)

    def list_since(self, since: datetime | None) -> Listing:
        """Return the requests of every model in `models.yaml`, see `ListsWhatItHas`; without `since`, of a day."""
        names = self._models.names("fal")
        listings = [
            self._list(names[first : first + _MOST_MODELS], since) for first in range(0, len(names), _MOST_MODELS)
        ]
        # What ended in an error made nothing and is not billed, and the ledger lets go of its id.
        items = (item for listing in listings for item in listing.items)
        made = tuple(item for item in items if (item.raw.get("status_code") or 0) < _ERRORS)
        return Listing(made, all(listing.is_whole for listing in listings))

    def _list(self, models: Sequence[str], since: datetime | None) -> Listing:
        # `start` is compared with fal's clock, `since` was read from ours, which may be ahead.
        start = {} if since is None else {"start": f"{(since - CLOCK_SKEW).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}

        def page(cursor: str | None) -> tuple[list[ListedItem], str | None]:
            reply = self._http.send(
                "GET",
                f"{self._api_url}/models/requests/by-endpoint",
                attempted="list the requests at fal",
                has_side_effects=False,
                params={
                    "endpoint_id": ",".join(models),
                    "expand": "payloads",
                    "limit": _PAGE_SIZE,
                    **start,
                    **({"cursor": cursor} if cursor else {}),
                },
            )
            if not reply.ok:
                raise reply.error(reply.words, code=str(reply.status), next_step=_DASHBOARD)
            answer = reply.document()
            listed = [_listed(item) for item in answer.get("items") or []]
            return listed, answer["next_cursor"] if answer.get("has_more") else None

        return read_pages(page, most_pages=_PAGES)

    def cancel(self, handle: dict[str, Any]) -> bool:
        """Ask the queue to stop; False when the request had already finished. See the contract for the errors."""
        import fal_client  # noqa: PLC0415  half a second of import

        attached = self._attach(handle)
        try:
            attached.cancel()
        except fal_client.client.FalClientHTTPError as error:
            if error.status_code == 400 and "ALREADY_COMPLETED" in error.response.text:  # noqa: PLR2004  protocol
                return False
            raise self._read_refused(
                error, f"cancel a segment at fal ({handle['model']})", attached.request_id
            ) from None
        return True

    @cached_property
    def _connections(self) -> "httpx.BaseTransport":
        from fal_client.client import BackupDomainTransport  # noqa: PLC0415  half a second of import

        return BackupDomainTransport()

    def _attach(self, handle: Mapping[str, Any]) -> "SyncRequestHandle":
        """Return the SDK's handle of a stored request.

        Built from its public fields instead of `SyncClient.get_handle`, which takes the queue's address from a global
        of the SDK that would have to be patched for every address but the vendor's.
        """
        import httpx  # noqa: PLC0415  comes with fal_client, and as late
        from fal_client import SyncRequestHandle  # noqa: PLC0415  half a second of import

        from dayreel.providers.video.fal_transport import BoundedReads  # noqa: PLC0415  brings httpx

        request_id = str(handle["request_id"])
        app = "/".join(str(handle["model"]).split("/")[:2])
        base = f"{self._queue_url}/{app}/requests/{quote(request_id, safe='')}"
        transport = BoundedReads(
            self._connections,
            attempted=f"reach request {request_id!r} at fal",
            timeout=self._timeout,
            limit=_READS_PER_FOLLOW,
            secrets=(self._key,),
        )
        return SyncRequestHandle(
            request_id=request_id,
            response_url=base,
            status_url=f"{base}/status",
            cancel_url=f"{base}/cancel",
            client=httpx.Client(transport=transport, headers={**self._auth, "Connection": "close"}),
        )

    def _result(self, attached: "SyncRequestHandle", handle: Mapping[str, Any]) -> Job:
        import fal_client  # noqa: PLC0415  loaded by now

        attempted = f"read the result of a segment at fal ({handle['model']})"
        try:
            result: object = attached.get()
        except fal_client.client.FalClientHTTPError as error:
            reason = _reason(error.response.text, error.error_type)
            if reason.by_model:
                return self._failed(reason.code or "unknown", reason.words)
            raise self._read_refused(error, attempted, attached.request_id) from None
        except (ValueError, KeyError, TypeError) as error:
            raise _unreadable(attempted, attached.request_id, error) from None
        video = result.get(self._media) if isinstance(result, dict) else None
        url = video.get("url") if isinstance(video, dict) else None
        if not isinstance(url, str) or not url:
            raise self._made_nothing(attempted, attached.request_id)
        seed = result.get("seed") if isinstance(result, dict) else None
        return Job("done", file_url=url, seed=seed if isinstance(seed, int) else None)

    def _failed(self, code: str, words: object) -> Job:
        text = readable(str(words), secrets=[self._key])
        step = NEXT_STEPS.get(code, "")
        return Job(
            "failed",
            error=f"{text}. {step}".strip(),
            error_code=code,
            retry_helps=code in RETRY_HELPS,
            refuses_content=code in CONTENT_REFUSALS,
        )

    def _read_refused(self, error: Any, attempted: str, request_id: str) -> ProviderError:
        reason = _reason(error.response.text, error.error_type)
        broke = _is_out_of_credit(error.status_code, reason.words)
        key = "out_of_credit" if broke else str(error.status_code)
        return status_error(
            error.status_code,
            attempted=attempted,
            answer=readable(reason.words, secrets=[self._key]),
            has_side_effects=False,
            reference=request_id,
            next_step=NEXT_STEPS.get(reason.code or "", NEXT_STEPS.get(key, "")),
            code="out_of_credit" if broke else reason.code,
        )


def connect(access: Access) -> FalVideo:
    """Return fal as the world of `access` has it."""
    return connect_queue(access, media="video")


def connect_queue(access: Access, *, media: str) -> FalVideo:
    """Return fal for results of one kind, `video` or `audio`; needs FAL_KEY."""
    return FalVideo(
        key=access.secret("FAL_KEY"),
        models=ModelList(access.root),
        root=access.root,
        queue_url=access.url(QUEUE_URL, "/fal/queue/"),
        api_url=access.url(fal_bill.API_URL, "/fal/api/"),
        media=media,
    )


def own_seed(key: EffectKey) -> int:
    """Return the seed that is sent with an effect's request where nobody asked for another: the same one each time."""
    return int.from_bytes(own_digest(key)[:4], "big") >> 1  # the models take 31 bits


def _listed(item: dict[str, Any]) -> ListedItem:
    return ListedItem(str(item["request_id"]), (), moment(item.get("sent_at")), raw=item)


def _submit_refused(reply: Reply) -> ProviderError:
    reason = _reason(reply.body.decode("utf-8", "replace"), reply.headers.get("X-Fal-Error-Type"))
    is_broke = _is_out_of_credit(reply.status, reason.words)
    is_refused = (reply.status, _refusal_code(reply.status, reason)) in REFUSALS
    if not is_refused:
        return reply.error(reason.words, code=reason.code, next_step=_DASHBOARD)
    code = "out_of_credit" if is_broke else reason.code
    step = NEXT_STEPS.get(code or "", NEXT_STEPS.get(str(reply.status), ""))
    if code in CONTENT_REFUSALS:
        words = f"HTTP {reply.status}, {readable(reason.words, secrets=reply.secrets)}"
        return ContentRefusedError(attempted=reply.attempted, answer=words, code=code, next_step=step)
    return reply.error(reason.words, is_refused=True, code=code, next_step=step)


def _refusal_code(status: int, reason: "_Reason") -> str:
    """Return what fal itself says of a submit, by its error type or in its own sentence; else an empty text."""
    if not reason.is_vendors:
        return ""
    if reason.by_model:
        return "invalid_input"
    beginning, code = _OWN_SENTENCES.get(status, ("", ""))
    if code and (reason.words.startswith(beginning) or (reason.code and code == "out_of_credit" and status == 402)):  # noqa: PLR2004
        return code
    return reason.code or ""


def _is_out_of_credit(status: int, words: str) -> bool:
    lowered = words.lower()
    return status == 402 or (  # noqa: PLR2004  HTTP's Payment Required
        status == 403 and any(sign in lowered for sign in ("locked", "balance", "exhausted"))  # noqa: PLR2004
    )


@dataclass(frozen=True)
class _Reason:
    """Why fal says no.

    Attributes:
        by_model: the model judged the input or gave up, so repeating the call shows it again.
        is_vendors: it has one of the vendor's two error shapes, and is not a page of something in between.
    """

    code: str | None
    words: str
    by_model: bool = False
    is_vendors: bool = False


def _reason(text: str, error_type: str | None) -> _Reason:
    """Read either of the vendor's two error shapes, or a body that has neither."""
    try:
        body = json.loads(text)
    except ValueError:
        return _Reason(error_type, text or "an empty body")
    if not isinstance(body, dict):
        return _Reason(error_type, text)
    error_type = error_type or body.get("error_type")
    detail = body.get("detail")
    if not isinstance(detail, list):
        return _Reason(error_type, str(detail or text), is_vendors=isinstance(detail, str))
    rows = [row for row in detail if isinstance(row, dict)]
    words = "; ".join(f"{'.'.join(str(part) for part in row.get('loc', []))}: {row.get('msg')}" for row in rows)
    first = next((str(row["type"]) for row in rows if row.get("type")), None)
    is_of_the_input = bool(rows) and all(row.get("loc", [""])[:1] == ["body"] for row in rows)
    is_vendors = first is not None and (error_type is not None or is_of_the_input)
    return _Reason(error_type or first, words or text, by_model=True, is_vendors=is_vendors)


def _last_message(logs: list[dict[str, Any]] | None) -> str:
    return readable(str(logs[-1].get("message", ""))) if logs else ""


def _unreadable(attempted: str, request_id: str, error: Exception) -> TransientError:
    return TransientError(
        attempted=attempted, reference=request_id, answer=f"something that cannot be read ({type(error).__name__})"
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Ask for a request that nobody has made: 404 means that the key is good."""
    key = reveal(access.secret("FAL_KEY"), name="FAL_KEY")
    base = access.url(QUEUE_URL, "/fal/queue/").rstrip("/")
    reply = Http("fal", headers={"Authorization": f"Key {key}"}, secrets=(key,)).send(
        "GET",
        f"{base}/fal-ai/wan-25-preview/requests/{uuid.uuid4()}/status",
        attempted="show fal the key",
        has_side_effects=False,
    )
    if reply.status != _NOT_FOUND:
        raise reply.error(reply.words, next_step=NEXT_STEPS.get(str(reply.status), ""), code=str(reply.status))
    return Proof("the key is accepted; whether there is credit only a request shows")


VENDOR: Final = Vendor(
    name="fal",
    label="fal",
    family="video",
    about="Generated video through the fal queue: WAN, Kling, Veo, Seedance, MiniMax, LTX and any other model there.",
    connect=connect,
    settings=(
        KEY,
        *fal_bill.SETTINGS,
    ),
    bill=fal_bill.BILL,
    can=("video from text", "follows and cancels by id", "looks up lost requests"),
    prove=prove,
    where_to_look="fal.ai dashboard, Requests",
    order=1,
    first_day=(
        Proof(
            "",
            "a new account makes two requests at once; more than that wait, and the number rises with what was bought",
            "Nothing: dayreel waits. Buy credit before the first day; without any, every submit is refused (HTTP 403).",
        ),
    ),
    refusals=frozenset(NEXT_STEPS) | RETRY_HELPS,
    stand_in="dayreel.sandbox.fal:mount",
)
