"""What Meta looks at before it does anything: version, token, role, permissions, parameters.

Parameters are those of Meta's generated SDK (`shapes.SPECS`). v27.0 is the newest Graph version (November 2026); those
of the last two years are answered.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse

from dayreel.sandbox import credentials
from dayreel.sandbox.shapes import SPECS
from dayreel.sandbox.wire import Call, Refused
from dayreel.sandbox.world import Document, SandboxWorld

DAY_S: Final = 86_400
VERSIONS: Final = frozenset(f"v{number}.0" for number in range(21, 28))
SPEC: Final = SPECS["instagram"]
COMMON: Final = frozenset({"access_token", "appsecret_proof", "fields", "format", "locale", "method", "pretty"})
"""Parameters that every call of the Graph API takes, from its guide."""
SCOPES: Final = {
    "facebook": ("instagram_", ("pages_read_engagement",)),
    "instagram": ("instagram_business_", ()),
}
"""What stands before a permission's name, and further ones, by login."""


def error(
    code: int,
    message: str,
    *,
    subcode: int | None = None,
    status: int = 400,
    is_transient: bool = False,
    title: str = "",
    kind: str = "OAuthException",
) -> JSONResponse:
    """Return an error in the Graph API's shape."""
    body: Document = {"message": message, "type": kind, "code": code, "is_transient": is_transient}
    if subcode is not None:
        body |= {"error_subcode": subcode, "error_user_title": title or message, "error_user_msg": message}
    return JSONResponse({"error": {**body, "fbtrace_id": "Asandbox0trace"}}, status)


async def login_of(call: Call) -> tuple[str, Document]:
    """Return the kind of login (`facebook` or `instagram`) and the fields of the call, wherever its token stood.

    Raises:
        Refused: no or an unknown token, or an API version that does not exist.
    """
    version = call.request.path_params.get("version")
    if version and version not in VERSIONS:
        raise Refused(error(2635, f"You are calling a version of the API that does not exist: {version}."))
    fields = await call.fields()
    token = call.bearer() or call.bearer("OAuth") or str(fields.get("access_token", ""))
    login = kind_of(call.world, token)
    if not call.world.pace("instagram_app_live") and not call.world.pace("instagram_has_role"):
        raise Refused(_no_role(login, call.request.method))
    return login, {**fields, "access_token": token}


def _no_role(login: str, method: str) -> JSONResponse:
    """What an app in development answers about people without a role on it: the same whatever they ask."""
    if login == "instagram":
        return error(100, f"Unsupported request - method type: {method.lower()}", kind="IGApiException")
    return error(10, "(#10) Application does not have permission for this action")


def issued_token(world: SandboxWorld, token: str) -> Document | None:
    """Return what is known of a token that was given out; None of the sandbox's own, and of unknown ones."""
    return world.store.get("facebook_token", token) or world.store.get("instagram_token", token)


def granted(world: SandboxWorld, login: str, token: str) -> list[str]:
    """Return the permissions that the account's owner has granted, by the login's names."""
    issued = issued_token(world, token) or {}
    if "scopes" in issued:
        return list(issued["scopes"])
    prefix, more = SCOPES[login]
    return [*(prefix + name for name in str(world.pace("instagram_scopes")).split()), *more]


def need(call: Call, login: str, fields: Document, permission: str) -> None:
    """Refuse a call whose permission was not granted.

    Raises:
        Refused: code 10.
    """
    wanted = SCOPES[login][0] + permission
    if wanted not in granted(call.world, login, fields["access_token"]):
        raise Refused(error(10, f"(#10) Requires {wanted} permission to manage the object"))
    if permission == "content_publish" and call.world.pace("instagram_account_type") == "PERSONAL":
        raise Refused(error(10, "(#10) The user is not an Instagram professional account"))


def check_parameters(fields: Document, spec: Mapping[str, str]) -> None:
    """Refuse what Meta's SDK knows no parameter for, or another type.

    Raises:
        Refused: code 100.
    """
    for name, value in fields.items():
        if name in COMMON:
            continue
        kind = spec.get(name)
        if kind is None:
            raise Refused(error(100, f"(#100) The parameter {name} does not exist"))
        if kind == "bool" and str(value).lower() not in ("true", "false"):
            raise Refused(error(100, f"(#100) Param {name} must be a boolean"))
        if kind == "map" and not _is_json(value, dict):
            raise Refused(error(100, f"(#100) Param {name} must be an object"))
        if kind.startswith("list") and not _is_json(value, list):
            raise Refused(error(100, f"(#100) Param {name} must be an array"))


def trial_of(fields: Document) -> str | None:
    """Return how a trial reel ends, or None where it is not one."""
    given = fields.get("trial_params")
    if given is None:
        return None
    return str((json.loads(given) if isinstance(given, str) else given).get("graduation_strategy"))


def check_extras(world: SandboxWorld, fields: Document) -> None:
    """Refuse co-authors and a trial that Instagram would not take (protocol reference, 4.2 and 4.5).

    Raises:
        Refused: code 100, for a trial with the subcode that production code knows.
    """
    names = words_of(fields.get("collaborators", ""))
    if len(names) > 3 or not all(re.fullmatch(r"[A-Za-z0-9._]{1,30}", name) for name in names):  # noqa: PLR2004
        raise Refused(error(100, "(#100) Param collaborators must be at most 3 usernames of Instagram accounts"))
    trial = trial_of(fields)
    if trial not in (None, "MANUAL", "SS_PERFORMANCE"):
        raise Refused(error(100, "(#100) graduation_strategy must be one of {MANUAL, SS_PERFORMANCE}"))
    # Instagram's help: trial reels are for professional accounts with 1,000 followers or more (second-hand).
    if trial is not None and world.pace("instagram_followers") < 1000:  # noqa: PLR2004
        raise Refused(error(100, "This account is not eligible for trial reels.", subcode=2207081))


def cover_problem(picture: bytes) -> str | None:
    """Return why a picture cannot be a cover, with the subcode of Meta's error codes; None where it can."""
    if len(picture) > 8 * 1024 * 1024:
        return "2207004: the image is too large to download. It should be less than 8 MiB."
    return None if picture.startswith(b"\xff\xd8\xff") else "2207005: the image format is not supported."


def words_of(value: Any) -> list[str]:
    """Return the words of a list, which comes as JSON or with commas between them."""
    if _is_json(value, list):
        return [str(word) for word in (json.loads(value) if isinstance(value, str) else value)]
    return [word for word in str(value).split(",") if word]


def _is_json(value: Any, kind: type) -> bool:
    try:
        return isinstance(json.loads(value) if isinstance(value, str) else value, kind)
    except ValueError:
        return False


def kind_of(world: SandboxWorld, token: str) -> str:
    """Return the login that a token is of.

    Raises:
        Refused: none, or an unknown one.
    """
    if token == credentials.INSTAGRAM_FACEBOOK_TOKEN:
        return "facebook"
    issued = issued_token(world, token)
    if issued is not None and world.age_s(issued["issued_at"]) > issued.get("life_s", 60 * DAY_S):
        raise Refused(error(190, "Error validating access token: Session has expired.", subcode=463))
    if issued is not None or token == credentials.INSTAGRAM_LOGIN_TOKEN:
        return "facebook" if world.store.get("facebook_token", token) else "instagram"
    if not token:
        raise Refused(error(104, "An access token is required to request this resource."))
    raise Refused(error(190, "Invalid OAuth access token - Cannot parse access token"))
