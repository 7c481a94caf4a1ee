"""A webhook of Zapier, Make, n8n or of one's own, behind which something else posts the video.

It gets one signed document: the words, and an address from which the file can be fetched. Its 2xx means that the
document is in a queue, never that anything is public; Zapier and Make answer before they run anything. What became of
it is said by the receiver itself: in a callback to the desk, at an optional status address, or in an answer that
repeats the idempotency key. A status code alone proves neither, and what nobody says within `confirm_within_h` is
unknown. The file's address is open until there is a report, for `file_available_min` at the most.

A delivery that certainly did not arrive goes out again under its key; after a reported failure the next one has another
key, or a receiver that knows repeats would drop it. What the receiver reports stands in the handle (`REPORTS`), where
`services.upkeep.take_report` writes it. Facts: docs/reference/vendors/platforms.md.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import Field

from dayreel.clock import Clock, poll
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Reply, secret_parts
from dayreel.providers.platforms.approved import (
    Progress,
    approved_file,
    cover_ms,
    read_fields,
    sent_caption,
)
from dayreel.providers.platforms.contract import Counters, PlannedCall, PostFinding, PostReport, PostRequest, Receipt
from dayreel.providers.platforms.verdicts import ErrorRow, to_error
from dayreel.providers.public_urls.contract import PublicUrl, connect_way, way_set_up
from dayreel.providers.signed_webhook import SignedWebhook
from dayreel.rules.captions import hashtags_in
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.deliveries import new_delivery
from dayreel.schemas.effect import REPORTS, Permit, RecordHandle
from dayreel.schemas.posts import FrameCover, PlatformAccount
from dayreel.vendors.access import Access
from dayreel.vendors.models import Source
from dayreel.vendors.record import CaptionRules, Platform, Proof, Setting, Variable, Vendor

_NEW_HOOK: Final = "Put the address of a hook that is switched on into PUBLISH_WEBHOOK_URL, then retry."
REFUSALS: Final[Mapping[str, tuple[int, ErrorRow]]] = {
    "There is no scenario listening for this webhook": (
        410,
        ErrorRow("refuse", "Make has it switched off, as after an error, or deleted", f"Switch it on. {_NEW_HOOK}"),
    ),
    "Webhook not found": (410, ErrorRow("refuse", "Make has no such hook", _NEW_HOOK)),
    "Queue is full": (400, ErrorRow("retry", "Make takes no more for this hook now", "It is tried again later.", 600)),
}
"""What a receiver says before it has taken anything, word for word but for the last stop, with the status beside it.
Make's help, as reported on 2026-09-28. Every other refusal has to repeat the idempotency key, or it may be a proxy's.
"""
LATE: Final = timedelta(days=7)
"""So long after its deadline a callback is still taken: the outcome is unknown by then, and this ends that."""
_LONGEST_TEXT: Final = 1000


class AutomationPost(FrameCover):
    """How a content goes to a webhook that posts it. Where it is posted, and how, is decided behind the webhook."""

    confirm_within_h: float = Field(6, gt=0, le=72, description="hours until a post that nobody confirms is unknown")
    file_available_min: int = Field(
        15, ge=1, le=55, description="minutes the video can be fetched, unless a report comes before"
    )


class AutomationPlatform:
    """One webhook.

    Args:
        public_url: opens an address for the video.
        callback_origin: where the desk can be called back; None: nobody can.
        status_url: where the receiver says how a delivery stands, for `?idempotency_key=`; a key itself.
        longest_hold_s: holds the video's address open no longer, whatever the channel says.
    """

    name = "automation"
    counters_per_call = 1

    def __init__(
        self,
        *,
        webhook: SignedWebhook,
        public_url: PublicUrl,
        clock: Clock,
        callback_origin: str | None = None,
        status_url: str | None = None,
        poll_interval_s: float = 5,
        longest_hold_s: float = 3300,
    ) -> None:
        """Keep the settings; nothing is sent."""
        self._webhook = webhook
        self._public_url = public_url
        self._clock = clock
        self._callback_origin = callback_origin
        self._status_url = status_url
        self._poll_interval_s = poll_interval_s
        self._longest_hold_s = longest_hold_s

    def account(self) -> str:
        """Return the host of the webhook and a hash of its address: another address is another account."""
        return self._webhook.fingerprint

    def read_account(self) -> PlatformAccount:
        """Return the webhook; nobody can be asked who posts behind it."""
        return PlatformAccount(self.account(), self._webhook.host)

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        """Return the document; what is only known when it is sent is in braces.

        Raises:
            UsageError: caption or fields do not fit.
        """
        callback = "{callback address}" if self._callback_origin else None
        body = self._document(request, key="{key}", video="{public address}", callback=callback, confirm_by="{time}")
        url = f"{self._webhook.scheme}://{self._webhook.host}/..."
        return [PlannedCall("POST", url, body, "signed; posted by whoever receives it, and confirmed afterwards")]

    def quota(self) -> None:
        """Return None: a webhook has no answer to this."""

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        """Hand it over once, see `PlatformProvider.post`.

        The handle has delivery (its key), sending, begun_at, accepted_at, answer and confirm_by, besides `DELIVERIES`
        and `REPORTS`.
        """
        progress = Progress(handle, record)
        finding = self._judge(progress.handle)
        if finding.receipt is not None:
            return finding.receipt
        if finding.verdict == "unclear":
            raise _in_doubt(progress, finding.evidence)
        if finding.verdict == "refused":
            progress.commit(delivery=None)
        fields = read_fields(AutomationPost, request)
        with approved_file(request):
            pass  # what is served is opened right after; both ways keep the file they opened
        with self._public_url(request.video) as address:
            doubt = self._send(permit, request, fields, address, progress)
            finding = self._wait(progress, hold_s=min(60.0 * fields.file_available_min, self._longest_hold_s))
        if finding.receipt is not None:
            return finding.receipt
        if finding.verdict == "refused":
            raise PermanentError(
                attempted=f"have {request.content_id} posted",
                answer=finding.evidence,
                reference=progress["delivery"],
                next_step="Clear that up behind the webhook, then retry; it is sent under another key.",
                code="failed",
            )
        raise doubt or _in_doubt(progress, finding.evidence)

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:
        """Return what the receiver has reported, see `PlatformProvider.look_up`."""
        del request, sent_at
        return self._judge(handle)

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return nothing: a webhook does not say how a post does."""
        del post_ids
        return []

    def prove(self) -> Proof:
        """Say who confirms posts; ask the status address, where there is one. The webhook itself is not asked.

        A hook runs whatever is behind it, so that a test document, however it is marked, may be posted.
        """
        if self._status_url:
            self._ask_status("dayreel-doctor")
        origin = self._callback_origin
        ways = [
            *([f"confirmed by callbacks to {origin}/callbacks/{self.name}/"] if origin else []),
            *(["its status address answers"] if self._status_url else []),
        ]
        works = "; ".join((f"posts go to {self._webhook.host}, which is not tried out", *ways))
        if ways:
            return Proof(works)
        return Proof(
            works,
            "nobody can confirm a post: the desk has no public https address, and there is no status address",
            "Set DAYREEL_DESK_URL to an https address that the receiver reaches, or PUBLISH_WEBHOOK_STATUS_URL. With "
            "neither, each post waits `confirm_within_h` hours and then for a person's word (`dayreel reconcile`).",
        )

    # -- sending -----------------------------------------------------------------------------------------------------

    def _document(
        self, request: PostRequest, *, key: str, video: str, callback: str | None, confirm_by: str
    ) -> dict[str, Any]:
        content = parse_content_id(request.content_id)
        fields = read_fields(AutomationPost, request)
        caption, cover = sent_caption(self.name, request, fields).text, cover_ms(request, fields)
        return {
            "version": 1,
            "idempotency_key": key,
            "content_id": request.content_id,
            "channel": content.channel,
            "day": content.day.isoformat(),
            "title": request.title,
            "caption": caption,
            "hashtags": hashtags_in(caption),
            "ai_generated": fields.ai_disclosure,
            "video_url": video,
            "video_sha256": request.video_sha256,
            "video_size_bytes": request.size_bytes,
            "video_duration_s": request.duration_s,
            "cover_at_s": None if cover is None else cover / 1000,
            "callback_url": callback,
            "confirm_by": confirm_by,
        }

    def _send(
        self, permit: Permit, request: PostRequest, fields: AutomationPost, video: str, progress: Progress
    ) -> UnknownOutcomeError | None:
        """Send it; return what is in doubt about that, where the answer leaves any.

        Raises:
            TransientError, PermanentError: it was certainly not taken.
        """
        delivery = progress["delivery"] or uuid4().hex
        now = self._clock.now()
        confirm_by = now + timedelta(hours=fields.confirm_within_h)
        key, deliveries = new_delivery(progress.handle, delivery, until=confirm_by + LATE)
        origin, effect = self._callback_origin, permit.effect_id
        document = self._document(
            request,
            key=delivery,
            video=video,
            callback=f"{origin}/callbacks/{self.name}/{effect}.{key}" if origin else None,
            confirm_by=confirm_by.isoformat(),
        )
        progress.commit(
            **deliveries,
            delivery=delivery,
            sending=True,
            begun_at=now.isoformat(),
            accepted_at=None,
            answer=None,
            confirm_by=confirm_by.isoformat(),
        )
        if self._judge(progress.handle, asks=False).receipt is not None:
            # Opening the video's address takes its time, and an earlier delivery was posted meanwhile after all.
            progress.commit(delivery=None, sending=False)
            return None
        try:
            attempted, hidden = f"hand {request.content_id} to the webhook", (key, *secret_parts(video))
            reply = self._webhook.post(document, key=delivery, attempted=attempted, hidden=hidden)
            _refuse_what_was_not_taken(reply, delivery)
        except UnknownOutcomeError as doubt:
            return doubt
        except (ProviderError, ConfigurationError) as error:
            # Under the same key where it is only tried again; what was refused for good begins again.
            progress.commit(sending=False, delivery=delivery if isinstance(error, TransientError) else None)
            raise
        report = _report_in(reply, delivery)
        progress.commit(accepted_at=self._clock.now().isoformat(), answer=None if report is None else vars(report))
        return None

    def _wait(self, progress: Progress, *, hold_s: float) -> PostFinding:
        """Wait for a report, as long as the receiver may still fetch the video."""

        def probe() -> PostFinding | None:
            progress.commit()  # brings what was called back meanwhile, and shows that somebody is at it
            finding = self._judge(progress.handle)
            is_over = finding.verdict == "refused" or (
                finding.receipt is not None and finding.receipt.state == "posted"
            )
            return finding if is_over else None

        reported = poll(probe, clock=self._clock, interval_s=self._poll_interval_s, deadline_s=hold_s)
        return reported or self._judge(progress.handle, asks=False)

    # -- finding out ---------------------------------------------------------------------------------------------------

    def _judge(self, handle: Mapping[str, Any], *, asks: bool = True) -> PostFinding:
        """Return how a post stands by the receiver's reports, and by its status address where `asks`."""
        delivery = handle.get("delivery")
        reports: dict[str, Any] = {str(delivery): handle["answer"]} if handle.get("answer") else {}
        reports |= handle.get(REPORTS) or {}
        if any(report["status"] == "posted" for report in reports.values()):
            return _live(delivery, reports)
        if delivery is None:
            return PostFinding("absent", "Nothing was handed over.", handle=dict(handle))
        if handle.get("sending") is False:
            return PostFinding("resumable", "It never reached the webhook.", handle=dict(handle))
        problem = ""
        if asks and delivery not in reports:
            try:
                status = self._ask_status(delivery)
            except (ProviderError, ConfigurationError) as error:
                status, problem = None, f" {error.message}"
            if status is not None and status.status == "posted":
                return _live(delivery, {delivery: vars(status)})
            if status is not None:
                reports = {delivery: vars(status)}
        if delivery in reports:
            reason = reports[delivery]["reason"] or "no reason given"
            return PostFinding("refused", f"the receiver reports that it failed: {reason}", handle=dict(handle))
        return self._waiting(handle, problem)

    def _waiting(self, handle: Mapping[str, Any], problem: str) -> PostFinding:
        until = datetime.fromisoformat(handle["confirm_by"])
        by = until.isoformat(timespec="minutes")
        if handle.get("accepted_at") and self._clock.now() < until:
            raw = {"delivery": handle["delivery"], "next_step": f"It is confirmed by {by}, or its outcome is unknown."}
            receipt = Receipt("processing", None, None, raw)
            return PostFinding("live", f"The webhook took it, and is to confirm it by {by}.{problem}", receipt)
        took = f"The webhook took it and did not confirm it by {by}" if handle.get("accepted_at") else "No answer came"
        evidence = f"{took}; a callback that still comes settles it, or a person who looks.{problem}"
        return PostFinding("unclear", evidence)

    def _ask_status(self, delivery: str) -> PostReport | None:
        if not self._status_url:
            return None
        asked = {"idempotency_key": delivery}
        reply = self._webhook.ask(self._status_url, params=asked, attempted="ask the receiver how a post stands")
        if not reply.ok:
            raise reply.error(reply.words, next_step="Check PUBLISH_WEBHOOK_STATUS_URL.")
        return _report_in(reply, delivery)


def _live(current: str | None, reports: Mapping[str, Mapping[str, Any]]) -> PostFinding:
    """Return a post that is out, with what people should know of it: that it may be out twice, or that it is denied.

    Args:
        current: the key of the newest delivery.
    """
    posted = {key: report for key, report in reports.items() if report["status"] == "posted"}
    delivery, report = next(iter(posted.items()))
    raw: dict[str, Any] = {"delivery": delivery}
    if len(posted) > 1:
        raw["notice"] = f"posted twice: {', '.join(str(each['url'] or each['post_id']) for each in posted.values())}"
    elif current not in (None, *reports):
        raw["notice"] = "a delivery that was reported as failed was posted after all; the next one may be out as well"
    elif report.get("later"):
        raw["notice"] = f"reported as posted, and later: {report['later']}"
    receipt = Receipt("posted", report["post_id"] or report["url"], report["url"], raw)
    return PostFinding("live", "The receiver reports that it is posted.", receipt)


def _refuse_what_was_not_taken(reply: Reply, delivery: str) -> None:
    """Let a 2xx pass, and raise what anything else means.

    Raises:
        PermanentError, TransientError: the receiver itself says that it took nothing.
        UnknownOutcomeError: somebody else may have answered: a proxy, or what a redirect leads to.
    """
    if reply.ok:
        return
    report = _report_in(reply, delivery)
    if report is not None and report.status == "failed":
        step = "Clear that up behind the webhook, then retry."
        raise reply.error(report.reason or "failed", is_refused=True, next_step=step, code="failed")
    status, row = REFUSALS.get(reply.words, (0, None))
    if row is not None and status == reply.status:
        answer = f"HTTP {reply.status}, {reply.words}"
        raise to_error(row, attempted=reply.attempted, answer=answer, code=reply.words)
    is_redirect = 300 <= reply.status < 400  # noqa: PLR2004
    step = "It is not redirected: set PUBLISH_WEBHOOK_URL to where it leads. " if is_redirect else ""
    raise reply.error(reply.words, next_step=f"{step}Look behind the webhook; `dayreel reconcile` takes your word.")


def _report_in(reply: Reply, delivery: str) -> PostReport | None:
    """Return the report that an answer is: only its receiver can repeat the key, no proxy does."""
    document = reply.json()
    if not isinstance(document, dict) or document.get("idempotency_key") != delivery:
        return None
    try:
        return read_report(document)
    except ValueError:
        return None


def read_report(document: Mapping[str, Any]) -> PostReport:
    """Return what a receiver reports: `status` is `posted`, with `url` or `id`, or `failed`, with a `reason`.

    Raises:
        ValueError: it is something else; says what, for whoever built the receiver.
    """
    status = str(document.get("status") or "").strip().lower()
    post_id, url, reason = (_text(document, name) for name in ("id", "url", "reason"))
    if status not in ("posted", "failed"):
        raise ValueError("`status` has to be `posted` or `failed`")
    if url is not None and urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("`url` has to be an http or https address")
    if status == "posted" and url is None and post_id is None:
        raise ValueError("a post that is `posted` has a `url` or an `id`")
    if status == "failed":
        return PostReport("failed", reason=reason or "")
    return PostReport("posted", post_id, url)


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str | int):
        raise ValueError(f"`{name}` has to be text")
    text = " ".join(str("" if value is None else value).split())
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"`{name}` has to be at most {_LONGEST_TEXT} printable characters")
    return text or None


def _in_doubt(progress: Progress, evidence: str) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        attempted="find out what became of what was handed to the webhook",
        answer=evidence,
        reference=progress["delivery"],
        next_step="`dayreel reconcile` looks again, and takes your word once you have looked behind the webhook.",
    )


def _require_outside(variable: str, url: str) -> str:
    """Return an address that may be used in the live world: https, and not of this machine.

    Raises:
        ConfigurationError: it is another one; it is not shown, as it is a key.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    try:
        is_here = ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        is_here = host == "localhost" or host.endswith(".localhost")
    if parts.scheme != "https" or not host or is_here:
        raise ConfigurationError(
            f"{variable} has to be an https address, and not one of this machine.",
            next_step="Copy it from the trigger of the Zap or scenario.",
        )
    return url


def connect(access: Access) -> AutomationPlatform:
    """Return the webhook of this world; in the sandbox world its path leads to the stand-in."""
    url, secret = access.secret("PUBLISH_WEBHOOK_URL"), access.secret("PUBLISH_WEBHOOK_SECRET")
    status_url = access.variable("PUBLISH_WEBHOOK_STATUS_URL")
    is_here = access.sandbox_url is not None
    if is_here:
        url = access.url("", "/automation/") + urlsplit(url).path.lstrip("/")
        status_url = access.url("", "/automation/status") if status_url else None
    else:
        _require_outside("PUBLISH_WEBHOOK_URL", url)
        status_url = _require_outside("PUBLISH_WEBHOOK_STATUS_URL", status_url) if status_url else None
    return AutomationPlatform(
        webhook=SignedWebhook(
            url=url,
            variable="PUBLISH_WEBHOOK_URL",
            vendor="the webhook",
            clock=access.clock,
            secret=secret,
            hidden=secret_parts(status_url) if status_url and not is_here else (),
            timeout_s=30,
        ),
        public_url=connect_way(access),
        clock=access.clock,
        callback_origin=access.callback_origin,
        status_url=status_url,
        poll_interval_s=0.5 if is_here else 5,
        longest_hold_s=10 if is_here else 3300,
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Say who confirms posts, see `AutomationPlatform.prove`."""
    return connect(access).prove()


def _ways(variable: Variable) -> tuple[str, ...]:
    return (way_set_up(variable),)


VENDOR: Final = Vendor(
    name="automation",
    label="automation webhook",
    family="platforms",
    about="A webhook of Zapier, Make or n8n, behind which something else posts the video.",
    connect=connect,
    settings=(
        Setting(
            "PUBLISH_WEBHOOK_URL",
            "address of the trigger of a Zap or scenario that posts videos; whoever has it can start it",
            sandbox="https://hook.sandbox.example/hooks/sandbox-hook-key",
        ),
        Setting(
            "PUBLISH_WEBHOOK_SECRET",
            "signs what the webhook gets; make one up: `openssl rand -hex 32`",
            sandbox="sandbox-publish-webhook-secret",
        ),
        Setting(
            "PUBLISH_WEBHOOK_STATUS_URL",
            "where the receiver says how a post stands, for desks that cannot be called back",
            required=False,
            sandbox="https://hook.sandbox.example/status",
            asked=False,
        ),
    ),
    can=("posts", "looks up lost posts"),
    prove=prove,
    first_day=(
        Proof(
            "",
            "Zapier answers 200 for minutes before a Zap runs, and may do so for one that is switched off",
            "End the Zap with a POST to `callback_url`; without it every post ends as unknown.",
        ),
        Proof(
            "",
            "Make has a new scenario switched off, and switches one off at its first error; it answers 410 then",
            "Switch it on, and have an error handler of the posting module call `callback_url` with `status: failed`.",
        ),
    ),
    where_to_look="the history of the Zap or scenario, and the account that it posts to",
    uses=_ways,
    order=5,
    refusals={words: row for words, (_, row) in REFUSALS.items()},
    stand_in="dayreel.sandbox.automation:mount",
    platform=Platform(
        fields=AutomationPost,
        # Posted by somebody else, anywhere: so it has to fit the narrowest of the others.
        captions=CaptionRules(
            limit=2200,
            unit="utf16",
            hashtag_limit=30,
            mention_limit=20,
            title_limit=100,
            source=Source(source="the narrowest of the other platforms", checked_on=date(2026, 11, 20)),
        ),
        has_counters=False,
        read_report=read_report,
    ),
)
