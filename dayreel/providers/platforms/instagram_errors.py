"""Instagram's error table: what each code and subcode of the Graph API means for a post (protocol reference, 4.5).

Only rows and how to find one. Calls live in `instagram.py`.
"""

import re
from typing import Any

from dayreel.providers.platforms.verdicts import DAY_S, MINUTE_S, ErrorRow

_NEW_CONTAINER = "dayreel makes a new container on the next try; nothing was published."
_BACK_OFF = "Wait; dayreel tries again after the pause that Instagram asks for."
_RATE = ErrorRow("retry", "a rate limit of the app, user or page", _BACK_OFF, retry_after_s=300)
_ROLE = (
    "an app in development or with standard access serves only people with a role on it: add the account as a tester "
    "under App roles, accept that in Instagram (Settings, Website permissions), or have the app reviewed"
)
_PERMISSION = ErrorRow(
    "refuse",
    "a permission is missing, the account is not professional, or the app may not serve it yet",
    "Make it a professional account, connect it again and grant instagram_content_publish (or "
    f"instagram_business_content_publish) for it; {_ROLE}.",
)
_PAGE = ErrorRow(
    "refuse",
    "a permission is missing, or the Page behind the account is not authorised to publish",
    "Complete Page Publishing Authorization where Facebook asks the Page for it; then connect the account again.",
)
_NO_ROLE = ErrorRow("refuse", "the app may not serve this account", f"Most likely {_ROLE}.")
_INPUT = "Correct the channel's Instagram fields."

BY_SUBCODE: dict[int, ErrorRow] = {
    2207003: ErrorRow("retry", "fetching the video took too long", _NEW_CONTAINER, MINUTE_S),
    2207020: ErrorRow("retry", "the media has expired", _NEW_CONTAINER),
    2207001: ErrorRow(
        "retry",
        "Instagram's own server error",
        "Wait a minute; the container is read first.",
        MINUTE_S,
        is_certain=False,
    ),
    2207032: ErrorRow("retry", "the container could not be made", _NEW_CONTAINER, MINUTE_S),
    2207053: ErrorRow("retry", "an unknown upload error", _NEW_CONTAINER, MINUTE_S),
    2207057: ErrorRow("refuse", "thumb_offset is beyond the video's end", "Correct the cover's position."),
    2207051: ErrorRow(
        "refuse",
        "the activity looks like spam to Instagram",
        "Stop posting to this account, open the app for its notices, and wait a day or two.",
    ),
    2207042: ErrorRow(
        "retry", "the daily publish limit is reached", "Publishing continues when the 24 h window has passed.", DAY_S
    ),
    2207006: ErrorRow(
        "refuse", "the media was not found, or the token may not see it", "Check the account id and the token."
    ),
    2207008: ErrorRow("retry", "the container is missing or has expired", _NEW_CONTAINER, MINUTE_S),
    2207050: ErrorRow(
        "refuse",
        "the account is restricted or checkpointed",
        "Log in to the Instagram app as the account and clear what it asks for.",
    ),
    2207023: ErrorRow("refuse", "the media type is unknown", "Report it: dayreel asked wrongly."),
    2207028: ErrorRow("refuse", "a carousel needs 2 to 10 items", "Report it: dayreel posts single reels."),
    2207035: ErrorRow("refuse", "a product tag on a video has a position", _INPUT),
    2207036: ErrorRow("refuse", "a product tag on a photo has no position", _INPUT),
    2207037: ErrorRow("refuse", "a product tag names a product that cannot be tagged", _INPUT),
    2207040: ErrorRow("refuse", "too many tags or mentions", f"Use 20 at most. {_INPUT}"),
    2207067: ErrorRow("refuse", "the video's URL is missing", "Report it: dayreel asked wrongly."),
    2207026: ErrorRow(
        "refuse",
        "the video format is not supported",
        "Compose the video again: MP4 with its index first, H.264 4:2:0, 23 to 60 fps, AAC, 3 s to 15 min.",
    ),
    2207052: ErrorRow("retry", "the video's URL could not be fetched", "Check that the public URL answers.", MINUTE_S),
    2207027: ErrorRow("retry", "the container is not ready yet", "dayreel keeps polling the container.", MINUTE_S),
    2207004: ErrorRow("refuse", "the cover is too large", "Use a JPEG of at most 8 MB."),
    2207005: ErrorRow("refuse", "the cover's format is not supported", "Use a JPEG."),
    2207009: ErrorRow("refuse", "the cover's shape is not accepted", "Use 9:16, as the video has."),
    2207010: ErrorRow("refuse", "the caption is too long", "Shorten the caption: 2200 characters at most."),
    2207081: ErrorRow("refuse", "this account may not post trial reels", "Leave trial reels off for this account."),
    2207082: ErrorRow("retry", "the upload did not work", _NEW_CONTAINER, MINUTE_S),
    2207085: ErrorRow("retry", "Instagram could not process the video", _NEW_CONTAINER, MINUTE_S),
    2207077: ErrorRow("retry", "the video could not be downloaded", _NEW_CONTAINER, MINUTE_S),
}

BY_CODE: dict[int, ErrorRow] = {
    190: ErrorRow(
        "refuse",
        "the access token is invalid or has expired",
        "Connect the account again: `dayreel connect instagram`.",
    ),
    10: _PERMISSION,
    4: _RATE,
    17: _RATE,
    32: _RATE,
    613: _RATE,
    80002: _RATE,
    80004: _RATE,
    368: ErrorRow("refuse", "the account is blocked for policy reasons", "Stop, and open the Instagram app."),
    9007: BY_SUBCODE[2207027],
    9: BY_SUBCODE[2207042],
    24: BY_SUBCODE[2207008],
    352: BY_SUBCODE[2207026],
    9004: BY_SUBCODE[2207052],
    36000: BY_SUBCODE[2207004],
    36001: BY_SUBCODE[2207005],
    36003: BY_SUBCODE[2207009],
    36004: BY_SUBCODE[2207010],
    100: ErrorRow("refuse", "a parameter is wrong", "Read the message; correct the channel's Instagram fields."),
    1: ErrorRow("retry", "a temporary error", "dayreel tries again.", MINUTE_S, is_certain=False),
    2: ErrorRow("retry", "the service is temporarily unavailable", "dayreel tries again.", MINUTE_S, is_certain=False),
    -1: BY_SUBCODE[2207001],
    -2: BY_SUBCODE[2207003],
}

_TEMPORARY = ErrorRow("retry", "Instagram calls it temporary", "dayreel tries again.", MINUTE_S, is_certain=False)
_STRANGE = ErrorRow(
    "refuse", "", "Look the code up in Meta's error list; nothing is sent again unchanged.", None, is_certain=False
)
_SERVER = ErrorRow("retry", "", "dayreel tries again.", MINUTE_S, is_certain=False)
_PERMISSION_CODES = range(200, 300)
_SUBCODE = re.compile(r"\b2207\d{2,4}\b")


def find_row(error: dict[str, Any], *, status: int) -> ErrorRow:
    """Return the row for Graph's `error` object. The subcode decides, then the code; HTTP `status` only at the last."""
    code, subcode = error.get("code"), error.get("error_subcode")
    if subcode in BY_SUBCODE:
        return BY_SUBCODE[subcode]
    if error.get("is_transient") is True:
        return _TEMPORARY
    if isinstance(code, int) and code in _PERMISSION_CODES:
        return _PAGE
    if error.get("type") == "IGApiException" and code == 100:  # noqa: PLR2004  the same answer to whatever is asked
        return _NO_ROLE
    if code in BY_CODE:
        return BY_CODE[code]
    return _SERVER if status >= 500 else _STRANGE  # noqa: PLR2004  HTTP's own border


def find_row_in_status(text: str) -> tuple[ErrorRow, str]:
    """Return row and code for the `status` text of a container in state ERROR, which names a subcode."""
    match = _SUBCODE.search(text)
    if match is None or int(match[0]) not in BY_SUBCODE:
        return ErrorRow("refuse", "processing did not work", "Look at the video; then retry."), "ERROR"
    return BY_SUBCODE[int(match[0])], match[0]
