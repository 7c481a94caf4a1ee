"""YouTube's error tables: answers of the Data API by `reason`, and what becomes of an upload (protocol reference, 6.4).

Only rows and how to find one. Calls live in `youtube.py`.
"""

from typing import Any

from dayreel.providers.platforms.verdicts import DAY_S, MINUTE_S, ErrorRow

_CONNECT = (
    "Connect the channel again and allow youtube.upload and youtube.readonly, for playlists and subtitles "
    "youtube.force-ssl too: `dayreel connect youtube`."
)
_INPUT = ErrorRow("refuse", "YouTube does not take this field", "Correct the caption or the channel's YouTube fields.")
_QUOTA = ErrorRow(
    "retry",
    "the project's quota is used up (100 uploads a day, 10,000 units for all else)",
    "It comes back at midnight Pacific time; Google Cloud shows it under Quotas, and takes requests for more.",
    DAY_S,
)
_NOT_ENABLED = ErrorRow(
    "refuse",
    "an API is not enabled in the Google Cloud project",
    "At console.cloud.google.com, in the project of YOUTUBE_CLIENT_ID, enable YouTube Data API v3 and YouTube "
    "Analytics API (APIs & Services), and retry after a few minutes.",
)
_SPEED = ErrorRow("retry", "too many calls at once", "dayreel waits a minute.", MINUTE_S)
_SCOPE = ErrorRow("refuse", "the token lacks a scope or a channel", _CONNECT)
_NO_CHANNEL = ErrorRow(
    "refuse",
    "the Google account has no YouTube channel",
    "Create a channel at youtube.com with that account, connect again, and choose it on the consent screen.",
)
_SUSPENDED = ErrorRow(
    "refuse",
    "YouTube has suspended or closed the channel",
    "Open YouTube Studio as its owner: it says why, and takes an appeal. Nothing can be posted there until then.",
)
_SETTING = ErrorRow("refuse", "this setting is not allowed for the channel", "Change `privacy` in the channel's file.")

BY_REASON: dict[str, ErrorRow] = {
    "authError": ErrorRow("refuse", "the access token is not accepted", _CONNECT),
    "quotaExceeded": _QUOTA,
    "dailyLimitExceeded": _QUOTA,
    "accessNotConfigured": _NOT_ENABLED,
    "SERVICE_DISABLED": _NOT_ENABLED,
    "channelSuspended": _SUSPENDED,
    "channelClosed": _SUSPENDED,
    "rateLimitExceeded": _SPEED,
    "userRateLimitExceeded": _SPEED,
    "uploadLimitExceeded": ErrorRow(
        "retry",
        "the channel's own daily upload limit is reached; a new channel's is small",
        "Wait 24 hours; verify the channel's phone number at youtube.com/verify for a higher limit.",
        DAY_S,
    ),
    "forbidden": _SCOPE,
    "insufficientPermissions": _SCOPE,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _SCOPE,
    "badRequest": ErrorRow("refuse", "the request is malformed", "Report it: dayreel asked wrongly."),
    "youtubeSignupRequired": _NO_CHANNEL,
    **dict.fromkeys(
        (
            "invalidTitle",
            "invalidDescription",
            "invalidTags",
            "invalidCategoryId",
            "invalidPublishAt",
            "invalidVideoMetadata",
            "invalidFilename",
            "invalidRecordingDetails",
            "invalidVideoGameRating",
            "defaultLanguageNotSet",
            "mediaBodyRequired",
        ),
        _INPUT,
    ),
    "thumbnailForbidden": ErrorRow(
        "refuse",
        "custom thumbnails need a verified account",
        "Verify the channel's phone number at youtube.com/verify; `dayreel retry` then sets the thumbnail alone.",
    ),
    "invalidImage": ErrorRow(
        "refuse", "YouTube does not take this picture", "Use a JPEG or PNG of at most 2 MB; the video stays out."
    ),
    "videoNotFound": ErrorRow("refuse", "YouTube does not show the video", "Look in YouTube Studio: was it deleted?"),
    "playlistNotFound": ErrorRow(
        "refuse",
        "there is no such playlist",
        "Correct `playlist_id`: it stands in the playlist's address after `list=`. The video stays out.",
    ),
    "playlistContainsMaximumNumberOfVideos": ErrorRow(
        "refuse", "the playlist is full", "Choose another playlist in `playlist_id`; the video stays out."
    ),
    "captionExists": ErrorRow(
        "refuse", "the video has subtitles of this language already", "Look at them in YouTube Studio."
    ),
    **dict.fromkeys(
        ("contentRequired", "invalidMetadata", "nameTooLong"),
        ErrorRow("refuse", "YouTube does not take these subtitles", "Add `captions.srt` in YouTube Studio."),
    ),
    "forbiddenPrivacySetting": _SETTING,
    "forbiddenLicenseSetting": _SETTING,
    "backendError": ErrorRow(
        "retry", "YouTube's own server error", "dayreel continues the upload session.", MINUTE_S, is_certain=False
    ),
    "invalid_grant": ErrorRow(
        "refuse",
        "the refresh token is revoked or has expired",
        f"{_CONNECT} While the consent screen is in testing, tokens end after seven days: publish it.",
    ),
    "invalid_client": ErrorRow(
        "refuse", "Google does not know this client", "Check YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET."
    ),
}

BY_STATUS: dict[int, ErrorRow] = {401: BY_REASON["authError"], 429: _SPEED}

_LOOK = "Look at it in YouTube Studio."
_RECOMPOSE = "Compose the video again; then retry."
BY_UPLOAD_FAILURE: dict[str, ErrorRow] = {
    "codec": ErrorRow("refuse", "the codec is not accepted", _RECOMPOSE),
    "conversion": ErrorRow("refuse", "the video could not be converted", _RECOMPOSE),
    "emptyFile": ErrorRow("refuse", "the file is empty", _RECOMPOSE),
    "invalidFile": ErrorRow("refuse", "the file is not a video", _RECOMPOSE),
    "tooSmall": ErrorRow("refuse", "the file is too small", _RECOMPOSE),
    "uploadAborted": ErrorRow("refuse", "the upload was aborted", "Retry the post."),
    "duplicate": ErrorRow("refuse", "YouTube takes it for a duplicate", _LOOK),
    "copyright": ErrorRow("refuse", "it breaks a copyright", "Replace sound or pictures that are not yours."),
    "claim": ErrorRow("refuse", "somebody claims its content", "Dispute the claim in YouTube Studio, or replace it."),
    "trademark": ErrorRow("refuse", "it breaks a trademark", "Take the mark out of picture and words."),
    "legal": ErrorRow("refuse", "a legal complaint", _LOOK),
    "inappropriate": ErrorRow(
        "refuse", "it breaks the Community Guidelines", "Read the strike in YouTube Studio first."
    ),
    "termsOfUse": ErrorRow("refuse", "it breaks the Terms of Service", "Read the notice in YouTube Studio first."),
    "uploaderAccountSuspended": _SUSPENDED,
    "uploaderAccountClosed": _SUSPENDED,
    "length": ErrorRow("refuse", "the video is too long for this channel", "Verify the channel at youtube.com/verify."),
    "deleted": ErrorRow("refuse", "the video was deleted", _LOOK),
}

_SERVER = BY_REASON["backendError"]
_STRANGE = ErrorRow(
    "refuse", "", "Look the reason up in YouTube's error list; nothing is sent again.", None, is_certain=False
)


def reason_of(body: dict[str, Any], *, status: int) -> str:
    """Return the reason of a Data API or OAuth error body; the HTTP status where there is none."""
    error = body.get("error")
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return str(status)
    # Of a channel that is not verified only the domain differs.
    if any(
        (detail.get("domain"), detail.get("reason")) == ("youtube.thumbnail", "forbidden")
        for detail in _dicts(error.get("errors"))
    ):
        return "thumbnailForbidden"
    # The `ErrorInfo` beside it is more exact than "forbidden", where it is one that we know.
    for detail in (*_dicts(error.get("details")), *_dicts(error.get("errors"))):
        if detail.get("reason") in BY_REASON and detail.get("reason") != "forbidden":
            return str(detail["reason"])
    return str(next((detail.get("reason") for detail in _dicts(error.get("errors"))), None) or status)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def find_row(reason: str, *, status: int) -> ErrorRow:
    """Return the row for `reason`; HTTP `status` decides only where the reason says nothing."""
    if reason in BY_REASON:
        return BY_REASON[reason]
    if status in BY_STATUS:
        return BY_STATUS[status]
    return _SERVER if status >= 500 else _STRANGE  # noqa: PLR2004  HTTP's own border


def find_upload_row(reason: str) -> ErrorRow:
    """Return the row for a `failureReason` or `rejectionReason`."""
    return BY_UPLOAD_FAILURE.get(reason, ErrorRow("refuse", "YouTube does not keep the video", _LOOK))
