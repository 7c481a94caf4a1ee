"""Thirty-odd people who posted through these APIs, and what dayreel does where they stood.

Each is a public report: where it stands, the day, and the vendor's answer that it names. The answer comes from the
vendor's stand-in, armed with it; the outcome is what a person is shown, and that nothing was posted, sent or billed.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import ProviderError
from dayreel.providers.platforms.tiktok_chunks import plan_chunks
from dayreel.sandbox.faults import Faults
from dayreel.sandbox.tiktok import chunk_problem
from dayreel.testing import Bench, bench
from dayreel.vendors.registry import vendor_named
from tests.unit.vendors.test_contracts import SAMPLES

pytestmark = pytest.mark.slow

DONE = "done"


@dataclass(frozen=True)
class Report:
    """One report.

    Attributes:
        where: the thread's address below https://github.com/, and its day.
        call: vendor and route that answered.
        answer: HTTP status and body.
        outcome: `retry`, `refuse`, or `done` where it goes on by itself.
        words: what the person is shown, a part of it.
        times: how often the vendor answered so.
    """

    where: str
    call: str
    answer: tuple[int, Any]
    outcome: str
    words: str = ""
    times: int = 5


def tiktok(status: int, code: str, message: str = "") -> tuple[int, Any]:
    return status, {"data": {}, "error": {"code": code, "message": message, "log_id": "L"}}


def failed(reason: str) -> tuple[int, Any]:
    ok = {"code": "ok", "message": "", "log_id": "L"}
    return 200, {"data": {"status": "FAILED", "fail_reason": reason}, "error": ok}


def google(status: int, reason: str, message: str, domain: str = "youtube.quota") -> tuple[int, Any]:
    errors = [{"domain": domain, "reason": reason, "message": message}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


def graph(code: int, message: str, subcode: int | None = None, kind: str = "OAuthException") -> tuple[int, Any]:
    error = {"message": message, "type": kind, "code": code, "fbtrace_id": "T"}
    return 400, {"error": error if subcode is None else {**error, "error_subcode": subcode}}


def container(code: str) -> tuple[int, Any]:
    words = f"Error: Media upload has failed with error code {code}"
    return 200, {"id": "1", "status_code": "ERROR", "status": words}


def locked(reason: str) -> tuple[int, Any]:
    return 403, {"detail": f"User is locked. Reason: {reason}"}


def openai(status: int, message: str, code: str | None = None, kind: str = "invalid_request_error") -> tuple[int, Any]:
    return status, {"error": {"message": message, "type": kind, "param": None, "code": code}}


def slack(code: str, **more: str) -> tuple[int, Any]:
    return 200, {"ok": False, "error": code, **more}


NO_CREDIT = "Your credit balance is too low to access the Anthropic API."
CREDIT: tuple[int, Any] = (
    400,
    {"type": "error", "error": {"type": "invalid_request_error", "message": NO_CREDIT}, "request_id": "r"},
)
QUOTA = 'The request cannot be completed because you have exceeded your <a href="/x">quota</a>.'
UNVERIFIED = "Your organization must be verified to use the model."
TOO_MANY = "The user has exceeded the number of videos they may upload."
FETCH = "Only photo or video can be accepted as media type."
CHUNKS = "The chunk size is invalid"
CLOSED = "Access Not Configured."

REPORTS = [
    Report("brightbeanxyz/brightbean-studio/pull/144 2026-08-11", "tiktok init",
           tiktok(403, "unaudited_client_can_only_post_to_private_accounts"), "refuse", "Set the account itself"),
    Report("gitroomhq/postiz-app/issues/1563 2026-07-25", "tiktok init",
           tiktok(403, "unaudited_client_can_only_post_to_private_accounts"), "refuse", "have the app audited"),
    Report("DayMoonDevelopment/post-for-me/issues/327 2026-08-13", "tiktok init",
           tiktok(400, "invalid_params", CHUNKS), "refuse", CHUNKS),
    Report("andreaolivato/TikTok-LoginKit-PHP/issues/11 2024-02-22", "tiktok init",
           tiktok(400, "invalid_params", CHUNKS), "refuse", "log_id"),
    Report("DayMoonDevelopment/post-for-me/pull/334 2026-08-20", "tiktok init",
           tiktok(403, "reached_active_user_cap"), "retry", "five before its audit"),
    Report("gitroomhq/postiz-app/issues/1300 2026-03-10", "tiktok init",
           tiktok(403, "spam_risk_too_many_pending_share"), "retry", "drafts"),
    Report("AceDataCloud/Skills/pull/793 2026-08-01", "tiktok creator",
           tiktok(200, "spam_risk_user_banned_from_posting"), "refuse", "appeal"),
    Report("gitroomhq/postiz-app/issues/814 2025-06-11", "tiktok status",
           failed("file_format_check_failed"), "refuse", "H.264"),
    Report("em1dev/ElPatoClip/issues/35 2024-09-02", "tiktok status",
           failed("frame_rate_check_failed"), "refuse", "23 to 60"),
    Report("gitroomhq/postiz-app/pull/1875 2026-08-11", "tiktok status",
           failed("picture_size_check_failed"), "refuse", "360 to 4096"),
    Report("joedawson/youtube/issues/101 2019-01-16", "youtube session",
           google(403, "accessNotConfigured", CLOSED, "usageLimits"), "refuse", "enable YouTube Data API v3"),
    Report("boboldehampsink/youtube/issues/2 2015-08-19", "youtube session",
           google(403, "accessNotConfigured", "Access Not Configured. The API is not enabled.", "usageLimits"),
           "refuse", "enable YouTube Data API v3"),
    Report("tokland/youtube-upload/issues/188 2017-06-01", "youtube session",
           google(400, "uploadLimitExceeded", TOO_MANY, "youtube.video"), "retry", "Wait 24 hours"),
    Report("porjo/youtubeuploader/issues/212 2025-10-07", "youtube session",
           google(400, "uploadLimitExceeded", TOO_MANY, "youtube.video"), "retry", "youtube.com/verify"),
    Report("tokland/youtube-upload/issues/288 2019-12-03", "youtube session",
           google(401, "youtubeSignupRequired", "Unauthorized", "youtube.header"), "refuse", "Create a channel"),
    Report("tokland/youtube-upload/issues/311 2020-11-09", "youtube session",
           google(403, "quotaExceeded", QUOTA), "retry", "midnight Pacific"),
    Report("beveradb/youtube-bulk-upload/issues/11 2024-11-08", "youtube session",
           google(403, "quotaExceeded", QUOTA), "retry", "100 uploads a day"),
    Report("tokland/youtube-upload/issues/165 2017-03-04", "youtube session",
           google(403, "dailyLimitExceeded", "Daily Limit Exceeded.", "usageLimits"), "retry", "midnight Pacific"),
    Report("tokland/youtube-upload/issues/166 2017-03-06", "youtube session",
           google(403, "forbidden", "Access forbidden.", "youtube.common"), "refuse", "youtube.upload"),
    Report("gitroomhq/postiz-app/pull/1914 2026-08-18", "instagram container",
           graph(10, "(#10) Requires instagram_content_publish"), "refuse", "instagram_business_content_publish"),
    Report("inovector/mixpost/issues/197 2026-05-07", "instagram container",
           graph(9004, FETCH, 2207052), "retry", "could not be fetched"),
    Report("gitroomhq/postiz-app/pull/1900 2026-08-17", "instagram container",
           graph(9004, FETCH, 2207052), "retry", "public URL"),
    Report("activepieces/activepieces/issues/10389 2025-12-08", "instagram publish",
           graph(9007, "Media ID is not available", 2207027), DONE, times=1),
    Report("restfb/restfb/issues/1414 2024-05-14", "instagram status",
           container("2207026"), "refuse", "H.264 4:2:0"),
    Report("gitroomhq/postiz-app/pull/1992 2026-08-30", "instagram status",
           container("2207085"), "retry", "could not process"),
    Report("gitroomhq/postiz-app/pull/2033 2026-09-07", "instagram status",
           container("2207082"), "retry", "new container"),
    Report("geoff-maddock/events-tracker/issues/1900 2026-05-26", "instagram status",
           graph(100, "Authorization Error", 33, "GraphMethodException"), "retry", "container"),
    Report("diwenne/openreply/pull/17 2026-08-15", "instagram container",
           graph(100, "Unsupported request - method type: post", None, "IGApiException"), "refuse", "as a tester"),
    Report("jstolpe/instagram-graph-api-php-sdk/issues/22 2024-12-29", "instagram container",
           graph(12, "(#12) singular published story API is deprecated"), "refuse", "Meta's error list"),
    Report("fal-ai/fal/issues/1162 2026-09-05", "fal submit",
           locked("Exhausted balance."), "refuse", "Billing"),
    Report("fal-ai/fal/issues/1147 2026-08-15", "fal submit",
           locked("Exhausted balance. Top up your balance at fal.ai/dashboard/billing"), "refuse", "support@fal.ai"),
    Report("fal-ai/fal/issues/1163 2026-09-08", "fal submit", locked("TOP_UP."), "refuse", "support@fal.ai"),
    Report("fal-ai/fal/issues/1168 2026-09-14", "fal submit",
           locked("Admin lock. Please contact support@fal.ai"), "refuse", "support@fal.ai"),
    Report("anthropics/claude-code/issues/66314 2026-06-08", "anthropic messages", CREDIT, "refuse", "credit"),
    Report("anthropics/claude-quickstarts/issues/229 2025-01-09", "anthropic messages", CREDIT, "refuse", "credit"),
    Report("BeehiveInnovations/pal-mcp-server/issues/144 2025-06-26", "openai responses",
           openai(404, UNVERIFIED, "model_not_found"), "refuse", "Verify Organization"),
    Report("openai/openai-go/issues/565 2025-11-20", "openai responses",
           openai(403, UNVERIFIED, "model_not_found"), "refuse", "15 minutes"),
    Report("openai/codex/issues/486 2025-04-21", "openai responses",
           openai(429, "You exceeded your current quota", "insufficient_quota"), "refuse", "redit"),
    Report("coursehero/slacktee/issues/70 2020-08-30", "slack post", slack("not_in_channel"), "refuse", "/invite"),
    Report("MeilCli/slack-upload-file/issues/665 2023-02-22", "slack post",
           slack("missing_scope", needed="files:write"), "refuse", "install it again"),
    Report("slack-samples/javascript-announcement-bot/issues/13 2019-12-11", "slack post",
           slack("missing_scope", needed="chat:write:bot"), "refuse", "chat:write"),
    Report("slack-samples/javascript-announcement-bot/issues/6 2019-04-26", "slack post",
           slack("restricted_action"), "refuse", "who may post"),
]  # fmt: skip


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Iterator[dict[str, Bench]]:
    with ExitStack() as running:
        yield {
            name: running.enter_context(
                bench(vendor_named(name), tmp_path_factory.mktemp(name), replace(SAMPLES[name], video=video))
            )
            for name in sorted({report.call.split()[0] for report in REPORTS})
        }


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.where.split()[0])
def test_where_others_stood_the_next_step_is_named(report: Report, benches: dict[str, Bench]) -> None:
    vendor, route = report.call.split()
    running, (status, body) = benches[vendor], report.answer
    fault = {"service": vendor, "route": route, "kind": "error", "status": status, "body": body, "times": report.times}
    running._ask(running._begin)
    running._ask(lambda world: Faults(world).arm(fault))
    if report.outcome == DONE:
        assert running.act(running.client()).state == "posted"
        return
    with pytest.raises(ProviderError) as caught:
        running.act(running.client())
    assert caught.value.verdict == report.outcome
    assert report.words in str(caught.value)
    assert caught.value.next_step, "nobody learns what to do"
    if route != "status":  # TikTok has the bytes by then, and said itself that it gave the post up
        assert running.effects() == 0


@pytest.mark.parametrize("size", [66_259_900, 66_582_226, 77_360_899, 83_694_271, 94_000_000])
def test_the_files_of_post_for_me_327_are_announced_in_chunks(size: int) -> None:
    plan = plan_chunks(size)
    assert plan.total_chunk_count == 2
    assert chunk_problem(size, plan.chunk_size, plan.total_chunk_count) is None


def test_there_are_thirty_different_reports() -> None:
    assert len({report.where for report in REPORTS}) == len(REPORTS) >= 30
