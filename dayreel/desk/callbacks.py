"""Presses from Slack and Discord, mounted at `/callbacks`: proven, answered within three seconds, done afterwards.

Nobody is logged in here: the signature says that it is the vendor, the vendor says who pressed, and
`services.reviewing.chat_review` whether that person may decide. Before the signature nothing of a body is read. What is
refused gets a 4xx without a reason and changes nothing; the reason is in the log.
"""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dayreel.desk.forms import OversizedError, read_body
from dayreel.errors import ConfigurationError, DayreelError, GateClosedError, ProviderError, StaleState, UsageError
from dayreel.providers.notifiers import discord, discord_cards, slack, slack_cards
from dayreel.providers.notifiers.contract import LONGEST_CAPTION, Card, Interaction
from dayreel.rules.signatures import MAX_BODY_BYTES, Refused, Repeats, Verified, verify_discord, verify_slack
from dayreel.services.footage_hooks import footage_hooks
from dayreel.services.project import Project
from dayreel.services.reviewing.chat_review import (
    Asked,
    Chat,
    act_on_press,
    card_for_edit,
    catch_up,
    check_interaction,
    notify_privately,
    require_caption,
)

_LOG = logging.getLogger("dayreel.chat")
_FORM_DEADLINE_S = 2

Headers = Sequence[tuple[str, str]]


class _Chat(Protocol):
    """How one chat proves, writes and wants its answers."""

    name: Chat
    is_set_up: bool

    def verify(self, headers: Headers, body: bytes) -> Verified | Refused: ...
    def read(self, body: bytes) -> Interaction | None: ...
    def taken(self, task: BackgroundTask) -> Response: ...
    def denied(self, press: Interaction, why: str) -> Response: ...
    def form(self, press: Interaction, card: Card) -> Response: ...
    def form_problem(self, text: str) -> Response: ...


class _NotTakenError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def callback_routes(project: Project) -> list[Route]:
    """Return the addresses to give to Slack and Discord."""
    callbacks = Callbacks(project)
    return [
        Route("/slack", callbacks.slack, methods=["POST"]),
        Route("/discord", callbacks.discord, methods=["POST"]),
    ]


class Callbacks:
    """Takes presses for one project."""

    def __init__(self, project: Project) -> None:
        """Remember nothing yet."""
        self._project = project
        self._repeats = Repeats()

    async def slack(self, request: Request) -> Response:
        """Take what Slack sends to the interactivity address."""
        return await self._take(request, _Slack)

    async def discord(self, request: Request) -> Response:
        """Take what Discord sends to the interactions address."""
        return await self._take(request, _Discord)

    async def _take(self, request: Request, kind: "type[_Slack | _Discord]") -> Response:
        try:
            body = await read_body(request, MAX_BODY_BYTES)
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
            return await run_in_threadpool(lambda: self._answer(kind(self._project), headers, body))
        except OversizedError:
            return _no(413, kind.name, "the body is too large")
        except _NotTakenError as error:
            return _no(error.status, kind.name, str(error))
        except DayreelError as error:
            return _no(503, kind.name, str(error))

    def _answer(self, chat: _Chat, headers: Headers, body: bytes) -> Response:
        press = self._proven(chat, headers, body)
        if press is None:
            return JSONResponse(dict(discord_cards.PONG))
        try:
            footage = footage_hooks(self._project.settings)
            answer = footage.press(self._project, chat.name, press) if footage is not None else None
            if answer is not None:
                return chat.taken(BackgroundTask(answer, self._project.connect(chat.name)))
            return self._do(chat, check_interaction(self._project, chat.name, press))
        except GateClosedError as error:
            return chat.denied(press, str(error))
        except (UsageError, ConfigurationError) as error:
            raise _NotTakenError(404, str(error)) from error

    def _proven(self, chat: _Chat, headers: Headers, body: bytes) -> Interaction | None:
        """Return what the vendor sent for the first time; None is a ping.

        Raises:
            _NotTakenError: it is not from the vendor, came before, or is nothing that we ask for.
        """
        if not chat.is_set_up:
            raise _NotTakenError(404, "it is not set up")
        proof = chat.verify(headers, body)
        if isinstance(proof, Refused):
            raise _NotTakenError(401, proof.reason)
        try:
            press = chat.read(body)
        except ValueError as error:
            raise _NotTakenError(400, f"it cannot be read: {error}") from error
        if press is not None and not self._repeats.is_new(proof, now=self._project.clock.now()):
            raise _NotTakenError(409, "it came before")
        return press

    def _do(self, chat: _Chat, asked: Asked) -> Response:
        project, press = self._project, asked.press
        notifier = project.connect(chat.name)
        if press.act == "edit":
            try:
                return chat.form(press, card_for_edit(project, asked))
            except (StaleState, ProviderError) as error:
                return chat.taken(BackgroundTask(catch_up, project, notifier, asked.content_id, press, str(error)))
        if press.act == "caption":
            try:
                require_caption(press, longest=LONGEST_CAPTION)
            except UsageError as error:
                return chat.form_problem(str(error))
        return chat.taken(BackgroundTask(act_on_press, project, notifier, asked))


class _Slack:
    name: Chat = "slack"

    def __init__(self, project: Project) -> None:
        self._project = project
        self._secret = project.variable(slack.SECRET) or ""
        self.is_set_up = bool(self._secret and project.variable("SLACK_BOT_TOKEN"))

    def verify(self, headers: Headers, body: bytes) -> Verified | Refused:
        return verify_slack(headers, body, signing_secret=self._secret, now=self._project.clock.now())

    def read(self, body: bytes) -> Interaction:
        return slack_cards.read_interaction_of(body)

    def taken(self, task: BackgroundTask) -> Response:
        return Response(status_code=200, background=task)

    def denied(self, press: Interaction, why: str) -> Response:
        task = BackgroundTask(notify_privately, self._project.connect("slack"), press, why)
        return _no(403, self.name, why, task)

    def form(self, press: Interaction, card: Card) -> Response:
        # Inside the request: Slack forgets the press after three seconds.
        self._project.connect("slack").open_form(press, card, within_s=_FORM_DEADLINE_S)
        return Response(status_code=200)

    def form_problem(self, text: str) -> Response:
        return JSONResponse(dict(slack_cards.form_problem(text)))


class _Discord:
    name: Chat = "discord"

    def __init__(self, project: Project) -> None:
        self._project = project
        self._key = project.variable(discord.PUBLIC_KEY) or ""
        self.is_set_up = bool(self._key and project.variable("DISCORD_BOT_TOKEN"))

    def verify(self, headers: Headers, body: bytes) -> Verified | Refused:
        return verify_discord(headers, body, public_key=self._key, now=self._project.clock.now())

    def read(self, body: bytes) -> Interaction | None:
        return discord_cards.read_interaction(body)

    def taken(self, task: BackgroundTask) -> Response:
        return JSONResponse(dict(discord_cards.TAKEN), background=task)

    def denied(self, press: Interaction, why: str) -> Response:
        # Discord shows nobody the reason of a 4xx, and lets nobody be told after one.
        _LOG.warning("discord: %s may not decide: %s", press.person_id, why)
        return JSONResponse(dict(discord_cards.private(why)))

    def form(self, press: Interaction, card: Card) -> Response:
        return JSONResponse(dict(discord_cards.form_of(press, caption=card.caption)))

    def form_problem(self, text: str) -> Response:
        return JSONResponse(dict(discord_cards.private(text)))


def _no(status: int, chat: str, why: str, task: Any = None) -> Response:
    _LOG.warning("a callback of %s was refused with %d: %s", chat, status, why)
    return PlainTextResponse("Refused.\n", status, background=task)
