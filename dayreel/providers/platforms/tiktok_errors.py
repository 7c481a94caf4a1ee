"""TikTok's error tables: answers of the API by `error.code`, and the reasons of a failed post (reference, 5.2 and 5.4).

Only rows and how to find one. Calls live in `tiktok.py`.
"""

from dayreel.providers.platforms.verdicts import DAY_S, MINUTE_S, ErrorRow

_RENEW = "Connect the account again: `dayreel connect tiktok`."
_TOMORROW = "Wait 24 hours; posts made in the app count too."
_BANNED = ErrorRow(
    "refuse",
    "TikTok has banned this user from posting",
    "Open the TikTok app: its notices say why and for how long, and take an appeal.",
)
_TOO_MANY = ErrorRow("retry", "too many posts within 24 h", _TOMORROW, DAY_S)
_SPAM = ErrorRow(
    "refuse", "TikTok takes it for spam", "Look at the account's notices in the TikTok app; post less often."
)

BY_CODE: dict[str, ErrorRow] = {
    "invalid_param": ErrorRow("refuse", "a field of the request is wrong", "Correct the channel's TikTok fields."),
    "invalid_params": ErrorRow(
        "refuse", "a field of the request is wrong", "Report it with the log_id: dayreel asked wrongly."
    ),
    "access_token_invalid": ErrorRow("refuse", "the access token is invalid or has expired", _RENEW),
    "scope_not_authorized": ErrorRow(
        "refuse",
        "the token lacks a scope",
        "Add the Content Posting API to the app at developers.tiktok.com; then connect the account again and allow "
        "video.publish, video.upload and video.list: `dayreel connect tiktok`.",
    ),
    "spam_risk_too_many_posts": _TOO_MANY,
    "spam_risk_too_many_pending_share": ErrorRow(
        "retry", "too many drafts wait in the inbox", "Post or delete drafts in the TikTok app.", DAY_S
    ),
    "spam_risk_user_banned_from_posting": _BANNED,
    "reached_active_user_cap": ErrorRow(
        "retry",
        "as many accounts as the app may serve in 24 h have posted (five before its audit)",
        "Wait 24 hours, post with fewer accounts by this app, or have the app audited.",
        DAY_S,
    ),
    "unaudited_client_can_only_post_to_private_accounts": ErrorRow(
        "refuse",
        "an unaudited app can only post to an account that is set to private",
        "Set the account itself to private in the TikTok app (Settings and privacy, Privacy), and `privacy: SELF_ONLY` "
        "in the channel's file; both are needed. Or use `mode: inbox`, or have the app audited.",
    ),
    "url_ownership_unverified": ErrorRow(
        "refuse",
        "the video's URL is not verified",
        "dayreel sends the file itself, so report it; a URL prefix is verified at developers.tiktok.com.",
    ),
    "privacy_level_option_mismatch": ErrorRow(
        "refuse",
        "the account does not offer this privacy now",
        "Set `privacy` in the channel's file to one of the offered options.",
    ),
    "rate_limit_exceeded": ErrorRow("retry", "too many calls in a minute", "dayreel waits a minute.", MINUTE_S),
    "invalid_publish_id": ErrorRow(
        "refuse", "TikTok does not know this publish_id", "Look at the account's videos.", None, is_certain=False
    ),
    "token_not_authorized_for_specified_publish_id": ErrorRow(
        "refuse", "the token belongs to another account than the post", "Connect the account that made the post."
    ),
}

BY_FAIL_REASON: dict[str, ErrorRow] = {
    "internal": ErrorRow("retry", "TikTok's own error while processing", "dayreel starts the post again.", MINUTE_S),
    "video_pull_failed": ErrorRow("retry", "TikTok could not fetch the video", "dayreel starts the post again."),
    "file_format_check_failed": ErrorRow(
        "refuse", "the file format is not accepted", "Compose the video again as MP4 with H.264 and AAC."
    ),
    "duration_check_failed": ErrorRow(
        "refuse",
        "the duration is not accepted",
        "Make the channel's videos 1 s long at least, and no longer than the account may post.",
    ),
    "frame_rate_check_failed": ErrorRow(
        "refuse",
        "the frame rate is not accepted",
        "Compose with 23 to 60 constant frames a second; variable rates are refused too.",
    ),
    "picture_size_check_failed": ErrorRow(
        "refuse", "the picture size is not accepted", "Compose with sides of 360 to 4096 px."
    ),
    "auth_removed": ErrorRow("refuse", "the account's owner has removed the app's access", _RENEW),
    "spam_risk_too_many_posts": _TOO_MANY,
    "spam_risk_user_banned_from_posting": _BANNED,
    "spam_risk_text": ErrorRow(
        "refuse", "TikTok takes the caption for spam", "Edit the caption: fewer hashtags, no links."
    ),
    "spam_risk": _SPAM,
    "publish_cancelled": ErrorRow("refuse", "the post was cancelled", "Retry it if that was not meant."),
}

BY_STATUS: dict[int, ErrorRow] = {
    401: BY_CODE["access_token_invalid"],
    429: BY_CODE["rate_limit_exceeded"],
}

_SERVER = ErrorRow("retry", "TikTok's own server error", "dayreel tries again.", MINUTE_S, is_certain=False)
_STRANGE = ErrorRow(
    "refuse", "", "Look the code up in TikTok's error list; nothing is sent again unchanged.", None, is_certain=False
)


def find_row(code: str, *, status: int) -> ErrorRow:
    """Return the row for `error.code`; HTTP `status` decides only where the code says nothing."""
    if code in BY_CODE:
        return BY_CODE[code]
    if status in BY_STATUS:
        return BY_STATUS[status]
    return _SERVER if status >= 500 else _STRANGE  # noqa: PLR2004  HTTP's own border


def find_fail_row(reason: str) -> ErrorRow:
    """Return the row for the `fail_reason` of a post in state FAILED: it is certainly not public."""
    return BY_FAIL_REASON.get(
        reason, ErrorRow("refuse", "TikTok gave up on the post", "Look the reason up in TikTok's list.")
    )
