"""What YouTube looks at before it does anything: token, project, scopes, parameters, and the fields of a Video.

By the discovery document (`shapes.SPECS`); what no specification says (lengths, letters) is the reference, 6.2.
"""

import re
from typing import Final

from starlette.responses import JSONResponse

from dayreel.sandbox.shapes import SPECS, schema_problem
from dayreel.sandbox.wire import Call, Refused
from dayreel.sandbox.world import Document, SandboxWorld

TOKEN_LIFE_S: Final = 3600
SCOPE: Final = "https://www.googleapis.com/auth/"
CATEGORIES: Final = frozenset({1, 2, 10, 15, 17, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29})
PARTS: Final = frozenset(
    {
        *("id", "snippet", "status", "statistics", "contentDetails", "processingDetails"),
        *("recordingDetails", "localizations"),
    }
)
SPEC: Final = SPECS["youtube"]
_DATA: Final = ("YouTube Data API v3", "youtube", "youtube_api_enabled")
_ANALYTICS: Final = ("YouTube Analytics API", "youtubeanalytics", "youtube_analytics_enabled")


def error(
    status: int, reason: str, message: str, *, domain: str = "youtube.video", info: Document | None = None
) -> JSONResponse:
    """Return an error in Google's shape; `info` is the `ErrorInfo` beside it, where there is one."""
    body: Document = {
        "code": status,
        "message": message,
        "errors": [{"domain": domain, "reason": reason, "message": message}],
    }
    if info is not None:
        body["status"] = "PERMISSION_DENIED"
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "googleapis.com", **info}]
    return JSONResponse({"error": body}, status)


def bad_request(message: str) -> Refused:
    """Return the refusal of a malformed request."""
    return Refused(error(400, "badRequest", message, domain="global"))


def granted(world: SandboxWorld, issued: Document | None) -> set[str]:
    """Return the scopes that the account's owner has granted, to a token whose owner was asked or to all others."""
    scopes = (issued or {}).get("scopes", str(world.pace("youtube_scopes")).split())
    return {scope.removeprefix(SCOPE) for scope in scopes}


def checked(call: Call, method: str) -> None:
    """Refuse a call that its method in the discovery document does not take, or project or channel may not make.

    Raises:
        Refused: with YouTube's reason.
    """
    authorized(call)
    world, spec = call.world, SPEC["methods"][method]
    api, service, setting = _ANALYTICS if method == "reports.query" else _DATA
    if not world.pace(setting):
        message = f"{api} has not been used in project 100000000001 before or it is disabled."
        info = {"reason": "SERVICE_DISABLED", "metadata": {"service": f"{service}.googleapis.com"}}
        raise Refused(error(403, "accessNotConfigured", message, domain="usageLimits", info=info))
    if not granted(world, world.store.get("youtube_token", call.bearer())) & set(spec["scopes"]):
        message = "Request had insufficient authentication scopes."
        info = {"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
        raise Refused(error(403, "insufficientPermissions", message, domain="global", info=info))
    unknown = set(call.request.query_params) - {*spec["parameters"], *SPEC["parameters"], "upload_id"}
    if unknown:
        name = min(unknown)
        message = f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
        raise bad_request(message)
    if world.pace("youtube_channel_suspended"):
        raise Refused(error(403, "channelSuspended", "The channel has been suspended.", domain="youtube.channel"))
    is_about_all = method in ("channels.list", "playlistItems.list", "reports.query")
    if not is_about_all and not world.pace("youtube_has_channel"):
        raise Refused(error(401, "youtubeSignupRequired", "Unauthorized", domain="youtube.header"))


def authorized(call: Call) -> None:
    """Refuse a call without an access token that is good now."""
    issued = call.world.store.get("youtube_token", call.bearer())
    if issued is None or call.world.age_s(issued["issued_at"]) > TOKEN_LIFE_S:
        raise Refused(error(401, "authError", "Invalid Credentials", domain="global"))


def checked_body(call: Call, body: Document) -> None:
    """Refuse a Video resource that YouTube would not take.

    Raises:
        Refused: 400 with YouTube's reason.
    """
    parts = {part for part in call.request.query_params.get("part", "").split(",") if part}
    if not parts or parts - PARTS:
        raise Refused(error(400, "missingRequiredParameter", "Required parameter: part", domain="global"))
    problem = schema_problem(body, SPEC["schemas"], "Video", "video")
    if problem:
        raise bad_request(f"Invalid JSON payload received. {problem}")
    left = sorted(set(body) - parts - {"kind", "id", "etag"})
    if left:
        raise Refused(error(400, "unexpectedPart", f"{left} is not in part", domain="youtube.part"))
    _check_video(body, needs_title=call.route != "update" or "snippet" in body)


def _check_video(body: Document, *, needs_title: bool) -> None:
    """Refuse metadata the real API would not take.

    Raises:
        Refused: 400 with YouTube's reason.
    """
    snippet, status = body.get("snippet") or {}, body.get("status") or {}
    title, description = snippet.get("title"), snippet.get("description", "")
    tags = snippet.get("tags", [])
    publish_at, privacy = status.get("publishAt"), status.get("privacyStatus", "public")
    is_title = isinstance(title, str) and 0 < len(title.strip()) <= 100 and not re.search("[<>]", title)  # noqa: PLR2004
    is_text = isinstance(description, str) and len(description.encode()) <= 5000 and not re.search("[<>]", description)  # noqa: PLR2004
    is_tags = isinstance(tags, list) and all(map(_is_tag, tags)) and _counted(tags) <= 500  # noqa: PLR2004
    languages = [snippet[name] for name in ("defaultLanguage", "defaultAudioLanguage") if name in snippet]
    rules = (
        (
            is_title or not needs_title,
            "invalidTitle",
            "The request metadata specifies an invalid or empty video title.",
        ),
        (is_text, "invalidDescription", "The request metadata specifies an invalid video description."),
        (is_tags, "invalidTags", "The request metadata specifies invalid video keywords."),
        (
            all(re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", word) for word in languages),
            "invalidVideoMetadata",
            "The request metadata is invalid: a language is not one of BCP-47.",
        ),
        (_is_category(snippet.get("categoryId", "22")), "invalidCategoryId", "The categoryId is invalid."),
        (not publish_at or privacy == "private", "invalidPublishAt", "publishAt needs privacyStatus private."),
    )
    for is_fine, reason, message in rules:
        if not is_fine:
            raise Refused(error(400, reason, message))


def _is_tag(tag: object) -> bool:
    return isinstance(tag, str) and len(tag.strip()) > 0 and len(tag) <= 30 and not re.search("[<>]", tag)  # noqa: PLR2004


def _counted(tags: list[str]) -> int:
    """Return the length that the reference of `snippet.tags[]` describes: quotes around words with a space, commas."""
    return len(",".join(f'"{tag}"' if " " in tag else tag for tag in tags))


def _is_category(value: object) -> bool:
    return isinstance(value, str) and value.isdigit() and int(value) in CATEGORIES
