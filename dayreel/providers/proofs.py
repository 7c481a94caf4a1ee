"""Proving a vendor's keys: a read that is free, and says whether key, account and scopes are what dayreel needs.

One function a vendor, where its protocol has such a call; what they raise is typed like everywhere. Who asks is
`dayreel doctor --live` and `dayreel setup`.
"""

import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.http import Http, Reply, readable, reveal
from dayreel.providers.llm import anthropic, openai
from dayreel.providers.lookup import tmdb
from dayreel.providers.notifiers import discord, ntfy, slack
from dayreel.providers.platforms.instagram_graph import Graph
from dayreel.providers.platforms.tiktok_api import TikTokApi
from dayreel.providers.platforms.youtube_api import YouTubeApi
from dayreel.providers.public_urls import presigned_s3, quick_tunnel
from dayreel.providers.speech import espeak
from dayreel.providers.video import fal, kling
from dayreel.vendors.access import Access

_NOT_FOUND: Final = 404
_ANTHROPIC_VERSION: Final = "2026-10-21"  # what the SDK sends
_LOGIN_TOKEN: Final = "IGA"  # noqa: S105  what Instagram-Login tokens begin with
_PAGE_SCOPES: Final = (
    "instagram_basic",
    "instagram_content_publish",
    "pages_read_engagement",
    "instagram_manage_insights",
)
_YOUTUBE_SCOPES: Final = ("youtube.upload", "youtube.readonly")
_SLACK_SCOPES: Final = ("chat:write", "files:write", "channels:history")


@dataclass(frozen=True)
class Proof:
    """What a vendor answered. `problem` says what will not work although the key does; `next_step` what to do then."""

    found: str
    problem: str = ""
    next_step: str = ""


Prove = Callable[[Access, Sequence[str]], Proof]
"""Proves a vendor's keys; takes the models that channels want from it."""


def prove_anthropic(access: Access, models: Sequence[str]) -> Proof:
    """Ask for each model; without any, for the list."""
    key = reveal(access.secret("ANTHROPIC_API_KEY"), name="ANTHROPIC_API_KEY")
    headers = {"Authorization": f"Bearer {key}", "anthropic-version": _ANTHROPIC_VERSION}
    base = access.url(anthropic.BASE_URL, "/anthropic") + "/v1/models"

    def refused(reply: Reply) -> ProviderError:
        error = _part(reply, "error")
        kind = str(error.get("type") or reply.status)
        return reply.error(
            str(error.get("message") or reply.words), next_step=anthropic.NEXT_STEPS.get(kind, ""), code=kind
        )

    return _models(Http("Anthropic", headers=headers, secrets=(key,)), base, models, refused)


def prove_openai(access: Access, models: Sequence[str]) -> Proof:
    """Ask for each model; without any, for the list."""
    key = reveal(access.secret("OPENAI_API_KEY"), name="OPENAI_API_KEY")
    base = access.url(openai.BASE_URL, "/openai/v1") + "/models"

    def refused(reply: Reply) -> ProviderError:
        said = str(_part(reply, "error").get("message") or reply.words)
        return reply.error(said, next_step=openai.NEXT_STEPS.get(reply.status, ""), code=str(reply.status))

    return _models(Http("OpenAI", headers={"Authorization": f"Bearer {key}"}, secrets=(key,)), base, models, refused)


def prove_fal(access: Access, _models: Sequence[str]) -> Proof:
    """Ask for a request that nobody has made: 404 means that the key is good."""
    key = reveal(access.secret("FAL_KEY"), name="FAL_KEY")
    base = access.url(fal.QUEUE_URL, "/fal/queue/").rstrip("/")
    reply = Http("fal", headers={"Authorization": f"Key {key}"}, secrets=(key,)).send(
        "GET",
        f"{base}/fal-ai/wan-25-preview/requests/{uuid.uuid4()}/status",
        attempted="show fal the key",
        acting=False,
    )
    if reply.status != _NOT_FOUND:
        raise reply.error(reply.words, next_step=fal.NEXT_STEPS.get(str(reply.status), ""), code=str(reply.status))
    return Proof("the key is accepted; whether there is credit only a request shows")


def prove_kling(access: Access, _models: Sequence[str]) -> Proof:
    """Ask for a task that nobody has made: "not found" means that both keys are good."""
    unknown = str(kling.NOT_FOUND)
    try:
        kling.connect(access).follow({"task_id": f"dayreel-{uuid.uuid4().hex[:12]}"})
    except PermanentError as error:
        if error.code != unknown:
            raise
    return Proof("both keys are accepted; whether there is credit only a task shows")


def prove_espeak(_access: Access, _models: Sequence[str]) -> Proof:
    """Look for the program."""
    found = shutil.which("espeak-ng")
    return Proof(f"at {found}") if found else Proof("", "there is no espeak-ng here", espeak.INSTALL)


def prove_instagram(access: Access, _models: Sequence[str]) -> Proof:
    """Read the account, and for a Page's token its scopes."""
    token = access.secret("INSTAGRAM_ACCESS_TOKEN")
    is_login = token.startswith(_LOGIN_TOKEN)
    host = f"https://graph.{'instagram' if is_login else 'facebook'}.com"
    graph = Graph(
        access_token=token,
        graph_url=access.url(host, "/instagram/graph"),
        rupload_url=None,
        api_version="v25.0",
        clock=access.clock,
    )
    params: dict[str, str | int] = {"fields": "id,username"}
    account = graph.call(
        "GET", access.secret("INSTAGRAM_ACCOUNT_ID"), attempted="read the Instagram account", params=params
    )
    found = f"account {account.get('username')} ({account.get('id')})"
    if is_login:
        return Proof(f"{found}, Instagram Login")
    seen: dict[str, str | int] = {"input_token": token}
    told = (
        graph.call("GET", "debug_token", attempted="read the Instagram token's scopes", params=seen).get("data") or {}
    )
    return _scoped(f"{found}, Facebook Login", _PAGE_SCOPES, told.get("scopes") or ())


def prove_tiktok(access: Access, _models: Sequence[str]) -> Proof:
    """Ask what the account offers (video.publish), then for its newest video (video.list)."""
    api = TikTokApi(
        access_token=access.secret("TIKTOK_ACCESS_TOKEN"),
        base_url=access.url("https://open.tiktokapis.com", "/tiktok"),
        clock=access.clock,
    )
    creator = api.call("/v2/post/publish/creator_info/query/", attempted="ask TikTok what the account offers")
    offered = ", ".join(creator.get("privacy_level_options") or ())
    found = f"account {creator.get('creator_username')}, offers {offered}"
    try:
        api.call("/v2/video/list/", attempted="list TikTok videos", params={"fields": "id"}, json={"max_count": 1})
    except PermanentError as error:
        if error.code != "scope_not_authorized":
            raise
        return Proof(found, "the scope video.list is missing, so posts get no counters", error.next_step)
    return Proof(f"{found}; video.publish and video.list")


def prove_youtube(access: Access, _models: Sequence[str]) -> Proof:
    """Renew the access token, which tells the scopes, and read the channel."""
    token_url = access.url("https://oauth2.googleapis.com/token", "/google/token")
    secret = reveal(access.secret("YOUTUBE_CLIENT_SECRET"), name="YOUTUBE_CLIENT_SECRET")
    refresh = reveal(access.secret("YOUTUBE_REFRESH_TOKEN"), name="YOUTUBE_REFRESH_TOKEN")
    client_id = access.secret("YOUTUBE_CLIENT_ID")
    api = YouTubeApi(
        client_id=client_id,
        client_secret=secret,
        refresh_token=refresh,
        base_url=access.url("https://youtube.googleapis.com", "/youtube"),
        token_url=token_url,
        clock=access.clock,
    )
    form = {"client_id": client_id, "client_secret": secret, "refresh_token": refresh, "grant_type": "refresh_token"}
    reply = Http("Google", secrets=(secret, refresh), clock=access.clock).send(
        "POST", token_url, attempted="renew the YouTube access token", acting=False, data=form
    )
    if not reply.ok:
        raise api.error(reply)
    scopes = [scope.rsplit("/", 1)[-1] for scope in str(reply.document().get("scope") or "").split()]
    params: dict[str, str | int] = {"part": "snippet", "mine": "true"}
    mine = api.call("/youtube/v3/channels", attempted="read the YouTube channel", params=params).get("items") or []
    if not mine:
        return Proof("", "the Google account has no YouTube channel", "Create a channel for it first.")
    channel_id, wanted = str(mine[0].get("id")), access.variable("YOUTUBE_CHANNEL_ID")
    found = f"channel {(mine[0].get('snippet') or {}).get('title')} ({channel_id})"
    if wanted and wanted != channel_id:
        return Proof(found, f"YOUTUBE_CHANNEL_ID is {wanted}", "Correct it, or connect the other channel.")
    return _scoped(found, _YOUTUBE_SCOPES, scopes)


def prove_slack(access: Access, _models: Sequence[str]) -> Proof:
    """Ask whose token it is, then read one message of the channel."""
    token = reveal(access.secret("SLACK_BOT_TOKEN"), name="SLACK_BOT_TOKEN")
    base = access.url(slack.BASE_URL, "/slack/api/")
    http = Http("Slack", headers={"Authorization": f"Bearer {token}"}, secrets=(token,))

    def call(method: str, **fields: str) -> tuple[Reply, dict[str, Any]]:
        reply = http.send("POST", base + method, attempted=f"call Slack's {method}", acting=False, data=fields)
        answer = reply.document()
        if answer.get("ok") is True:
            return reply, answer
        code = readable(str(answer.get("error") or reply.status), secrets=(token,))
        kind = TransientError if code == "ratelimited" or not reply.ok else PermanentError
        raise kind(attempted=reply.attempted, answer=code, next_step=slack.NEXT_STEPS.get(code, ""), code=code)

    reply, who = call("auth.test")
    call("conversations.history", channel=access.secret("SLACK_CHANNEL_ID"), limit="1")
    found = f"bot {who.get('user')} of {who.get('team')}, and it can read the channel; {_buttons(access, slack.SECRET)}"
    told = reply.headers.get("X-OAuth-Scopes")
    return Proof(found) if told is None else _scoped(found, _SLACK_SCOPES, told.replace(" ", "").split(","))


def prove_discord(access: Access, _models: Sequence[str]) -> Proof:
    """Ask whose token it is, then for the channel."""
    token = reveal(access.secret("DISCORD_BOT_TOKEN"), name="DISCORD_BOT_TOKEN")
    base = access.url(discord.BASE_URL, "/discord/api/v10")
    http = Http("Discord", headers={"Authorization": f"Bot {token}", "User-Agent": discord.AGENT}, secrets=(token,))

    def read(path: str, attempted: str) -> dict[str, Any]:
        reply = http.send("GET", base + path, attempted=attempted, acting=False)
        if not reply.ok:
            raise discord.refused(reply)
        return reply.document()

    bot = read("/users/@me", "ask Discord whose token it is")
    room = read(f"/channels/{access.secret('DISCORD_CHANNEL_ID')}", "ask Discord for the channel")
    found = f"bot {bot.get('username')}, and it can see #{room.get('name')}; {_buttons(access, discord.PUBLIC_KEY)}"
    return Proof(found)


def prove_ntfy(access: Access, _models: Sequence[str]) -> Proof:
    """Read the topic; whether it may be written to only a message shows."""
    ntfy.connect(access).find("dayreel doctor")
    return Proof("the topic can be read")


def prove_quick_tunnel(access: Access, _models: Sequence[str]) -> Proof:
    """Look for the program; no tunnel is opened."""
    program = access.variable("DAYREEL_CLOUDFLARED") or "cloudflared"
    found = shutil.which(program)
    return Proof(f"at {found}") if found else Proof("", f"there is no {program} here", quick_tunnel.INSTALL)


def prove_presigned_s3(access: Access, _models: Sequence[str]) -> Proof:
    """Ask for the bucket."""
    bucket = presigned_s3.connect(access)
    bucket.prove()
    return Proof("the bucket answers to the key")


def prove_tmdb(access: Access, _models: Sequence[str]) -> Proof:
    """Show TMDB the token."""
    tmdb.connect(access).prove()
    return Proof("the token is accepted")


PROOFS: Final[Mapping[str, Prove]] = {
    "anthropic": prove_anthropic,
    "openai": prove_openai,
    "fal": prove_fal,
    "kling": prove_kling,
    "espeak": prove_espeak,
    "instagram": prove_instagram,
    "tiktok": prove_tiktok,
    "youtube": prove_youtube,
    "quick_tunnel": prove_quick_tunnel,
    "presigned_s3": prove_presigned_s3,
    "tmdb": prove_tmdb,
    "slack": prove_slack,
    "discord": prove_discord,
    "ntfy": prove_ntfy,
}


def _buttons(access: Access, variable: str) -> str:
    return "buttons decide" if access.variable(variable) else f"buttons do not decide: {variable} is not set"


def _part(reply: Reply, name: str) -> dict[str, Any]:
    answer = reply.json()
    part = answer.get(name) if isinstance(answer, dict) else None
    return part if isinstance(part, dict) else {}


def _models(http: Http, base: str, models: Sequence[str], refused: Callable[[Reply], ProviderError]) -> Proof:
    missing = []
    for model in models or ("",):
        url = f"{base}/{model}" if model else base
        reply = http.send("GET", url, attempted=f"ask {http.vendor} for {model or 'its models'}", acting=False)
        if model and reply.status == _NOT_FOUND:
            missing.append(model)
        elif not reply.ok:
            raise refused(reply)
    if missing:
        return Proof(
            "the key is accepted", f"no such model: {', '.join(missing)}", "Choose another in the channel file."
        )
    return Proof("; ".join(["the key is accepted", *models]))


def _scoped(found: str, wanted: Sequence[str], granted: Iterable[str]) -> Proof:
    missing = [scope for scope in wanted if scope not in set(granted)]
    if missing:
        return Proof(found, f"scopes are missing: {', '.join(missing)}", "Connect the account again and grant them.")
    return Proof(f"{found}; {', '.join(wanted)}")
