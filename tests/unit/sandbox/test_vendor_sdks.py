"""The vendors' own SDKs, unmodified, make their main calls of the stand-ins: what they accept is what the SDKs send.

fal's, Slack's and the language models' do so in `test_sandbox_*.py`, boto3 in the contract of `presigned_s3`.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import anthropic
import discord
import openai
import pytest
import requests
from facebook_business.adobjects.iguser import IGUser
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaFileUpload, MediaInMemoryUpload, build_http

from tests.fakes.sandbox import RunningSandbox
from tests.unit.sandbox.test_specs import ROOT

BODY = {"snippet": {"title": "Quiet loom", "description": "Wool"}, "status": {"privacyStatus": "unlisted"}}
EDITING = "youtube.upload youtube.readonly youtube.force-ssl"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads((ROOT / "youtube.v3.json").read_text(encoding="utf-8")))


@pytest.fixture
def youtube(sandbox: RunningSandbox, document: dict[str, Any]) -> Iterator[Any]:
    known = sandbox.credentials
    account = Credentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=known["YOUTUBE_REFRESH_TOKEN"],
        client_id=known["YOUTUBE_CLIENT_ID"],
        client_secret=known["YOUTUBE_CLIENT_SECRET"],
        token_uri=f"{sandbox.url}/google/token",
    )
    here = {**document, "rootUrl": f"{sandbox.url}/youtube/"}
    here.pop("mtlsRootUrl", None)
    with build_from_document(here, http=AuthorizedHttp(account, http=build_http())) as service:
        yield service


@pytest.fixture
def youtube_analytics(sandbox: RunningSandbox, youtube: Any) -> Iterator[Any]:
    here = json.loads((ROOT / "youtubeAnalytics.v2.json").read_text(encoding="utf-8"))
    here |= {"rootUrl": f"{sandbox.url}/youtubeanalytics/"}
    here.pop("mtlsRootUrl", None)
    with build_from_document(here, http=youtube._http) as service:
        yield service


@pytest.mark.parametrize("is_resumable", [True, False], ids=["resumable", "multipart"])
def test_google_uploads_changes_and_deletes(
    sandbox: RunningSandbox, youtube: Any, reel: Path, *, is_resumable: bool
) -> None:
    sandbox.pace(youtube_scopes=EDITING)
    media = MediaFileUpload(str(reel), mimetype="video/mp4", chunksize=262_144, resumable=is_resumable)
    video = youtube.videos().insert(part="snippet,status", body=BODY, media_body=media).execute()
    (post,) = sandbox.effects()["posts"]
    assert (post["id"], post["size_bytes"], post["privacy"]) == (video["id"], reel.stat().st_size, "unlisted")
    changed = {"id": video["id"], "snippet": {**BODY["snippet"], "title": "Louder", "categoryId": "24"}}
    assert youtube.videos().update(part="snippet", body=changed).execute()["snippet"]["title"] == "Louder"
    hidden = {"id": video["id"], "status": {"privacyStatus": "private"}}
    assert youtube.videos().update(part="status", body=hidden).execute()["snippet"]["title"] == "Louder"
    picture = MediaInMemoryUpload(b"\xff\xd8\xff", mimetype="image/jpeg", resumable=is_resumable)
    assert youtube.thumbnails().set(videoId=video["id"], media_body=picture).execute()["items"]
    page = youtube.videos().list(part="statistics,status", id=video["id"]).execute()
    assert page["items"][0]["status"]["privacyStatus"] == "private"
    assert youtube.videos().delete(id=video["id"]).execute() == ""
    assert sandbox.effects()["posts"] == []


def test_google_is_refused_as_a_new_project_is(sandbox: RunningSandbox, youtube: Any) -> None:
    sandbox.pace(youtube_api_enabled=False)
    with pytest.raises(HttpError) as caught:
        youtube.channels().list(part="snippet", mine=True).execute()
    assert caught.value.status_code == 403
    assert "SERVICE_DISABLED" in str(caught.value.error_details)
    sandbox.pace(youtube_api_enabled=True)
    with pytest.raises(HttpError, match="insufficient authentication scopes"):
        youtube.videos().delete(id="x").execute()
    media = MediaInMemoryUpload(b"1", mimetype="video/mp4")
    with pytest.raises(HttpError, match="Cannot find field"):
        youtube.videos().insert(part="snippet", body={"snippet": {"titel": "x"}}, media_body=media).execute()


def test_google_reports_what_is_known_and_refuses_the_rest(
    sandbox: RunningSandbox, youtube: Any, youtube_analytics: Any, reel: Path
) -> None:
    media = MediaFileUpload(str(reel), mimetype="video/mp4")
    video = youtube.videos().insert(part="snippet,status", body=BODY, media_body=media).execute()["id"]
    asked = {"ids": "channel==MINE", "startDate": "2026-01-01", "endDate": "2026-12-31", "dimensions": "video"}
    asked |= {"metrics": "engagedViews,estimatedMinutesWatched", "filters": f"video=={video},zzzzzzzzzzz"}
    query = youtube_analytics.reports().query
    assert "rows" not in query(**asked).execute(), "nothing is known for three days"
    sandbox.advance(9 * 86_400)
    table = query(**asked).execute()
    assert [header["name"] for header in table["columnHeaders"]] == ["video", "engagedViews", "estimatedMinutesWatched"]
    assert [row[0] for row in table["rows"]] == [video]
    channel = {name: asked[name] for name in ("ids", "startDate", "endDate", "metrics")}
    assert query(**channel).execute()["rows"] == [table["rows"][0][1:]]
    for change, refusal in (
        ({"metrics": "estimatedSecondsWatched"}, "Unknown identifier"),
        ({"filters": None}, "not supported"),
        ({"dimensions": "country"}, "not supported"),
        ({"endDate": "2025-01-01"}, "Invalid value"),
        ({"ids": "channel==UCsomebodyelse"}, "Forbidden"),
    ):
        with pytest.raises(HttpError, match=refusal):
            query(**{name: value for name, value in {**asked, **change}.items() if value}).execute()


@pytest.fixture
def instagram(sandbox: RunningSandbox) -> Iterator[IGUser]:
    with mock.patch.object(FacebookSession, "GRAPH", f"{sandbox.url}/instagram/graph"):
        session = FacebookSession(access_token=sandbox.credentials["INSTAGRAM_ACCESS_TOKEN"])
        api = FacebookAdsApi(session, api_version="v27.0")
        yield IGUser(sandbox.credentials["INSTAGRAM_ACCOUNT_ID"], api=api)
        session.requests.close()


def test_meta_publishes_a_reel_and_reads_it(sandbox: RunningSandbox, instagram: IGUser, reel: Path) -> None:
    wish = {"media_type": "REELS", "upload_type": "resumable", "caption": "Wool #loom", "is_ai_generated": True}
    container = instagram.create_media(params={**wish, "trial_params": {"graduation_strategy": "MANUAL"}})
    known = sandbox.credentials
    sent = requests.post(
        f"{sandbox.url}/instagram/rupload/ig-api-upload/v27.0/{container['id']}",
        data=reel.read_bytes(),
        headers={
            "authorization": f"OAuth {known['INSTAGRAM_ACCESS_TOKEN']}",
            "offset": "0",
            "file_size": str(reel.stat().st_size),
        },
        timeout=10,
    )
    assert sent.json()["success"]
    media = instagram.create_media_publish(params={"creation_id": container["id"]})
    (seen,) = instagram.get_media(fields=["id", "caption", "media_product_type"])
    assert (seen["id"], seen["caption"], seen["media_product_type"]) == (media["id"], "Wool #loom", "REELS")
    (limit,) = instagram.get_content_publishing_limit(fields=["quota_usage", "config"])
    assert limit["quota_usage"] == 1
    insights = seen.get_insights(params={"metric": ["views", "reach"]})
    assert [each["name"] for each in insights] == ["views", "reach"]


def test_meta_is_refused_as_a_new_app_is(sandbox: RunningSandbox, instagram: IGUser) -> None:
    wish = {"media_type": "REELS", "upload_type": "resumable"}
    sandbox.pace(instagram_scopes="basic")
    with pytest.raises(FacebookRequestError) as caught:
        instagram.create_media(params=wish)
    assert caught.value.api_error_code() == 10
    sandbox.pace(instagram_scopes="basic content_publish")
    with pytest.raises(FacebookRequestError, match="does not exist"):
        instagram.create_media(params={**wish, "privacy": "public"})
    api = FacebookAdsApi(instagram.get_api()._session, api_version="v20.0")
    with pytest.raises(FacebookRequestError, match="version"):
        IGUser(instagram["id"], api=api).create_media(params=wish)


def test_discord_sends_edits_and_reads_messages(sandbox: RunningSandbox) -> None:
    known = sandbox.credentials

    async def talk() -> tuple[str, list[str]]:
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(known["DISCORD_BOT_TOKEN"])
            room = client.get_partial_messageable(int(known["DISCORD_CHANNEL_ID"]))
            button = discord.ui.View(timeout=None)
            button.add_item(discord.ui.Button(label="Approve", custom_id="approve:1"))
            message = await room.send("A quiet loom", view=button, embed=discord.Embed(title="Loom"))
            changed = await message.edit(content="Approved", view=None)
            return changed.content, [each.content async for each in room.history(limit=5)]

    with mock.patch.object(discord.http.Route, "BASE", f"{sandbox.url}/discord/api/v10"):
        assert asyncio.run(talk()) == ("Approved", ["Approved"])
        sandbox.pace(discord_has_access=False)
        with pytest.raises(discord.Forbidden) as caught:
            asyncio.run(talk())
    assert caught.value.code == 50001


SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}


def test_a_stream_says_the_same_as_the_whole_answer(sandbox: RunningSandbox) -> None:
    known = sandbox.credentials
    ask: Any = {"role": "user", "content": "Give one idea."}
    shape: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    wish: Any = {"model": "claude-opus-5-5", "max_tokens": 8000, "messages": [ask], "output_config": shape}
    with anthropic.Anthropic(api_key=known["ANTHROPIC_API_KEY"], base_url=f"{sandbox.url}/anthropic") as claude:
        with claude.messages.stream(**wish) as stream:
            pieces = "".join(stream.text_stream)
            message = stream.get_final_message()
        whole = claude.messages.create(**wish)
    assert json.loads(pieces) == json.loads(message.content[-1].text) == json.loads(whole.content[-1].text)  # type: ignore[union-attr]
    assert (message.stop_reason, message.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)
    text: Any = {"format": {"type": "json_schema", "name": "idea", "strict": True, "schema": SCHEMA}}
    asked: Any = {"model": "gpt-6-luna", "input": [ask], "text": text, "max_output_tokens": 8000}
    with openai.OpenAI(api_key=known["OPENAI_API_KEY"], base_url=f"{sandbox.url}/openai/v1") as gpt:
        with gpt.responses.stream(**asked) as events:
            pieces = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            response = events.get_final_response()
        assert json.loads(pieces) == json.loads(response.output_text)
        assert response.output_text == gpt.responses.create(**asked).output_text
