"""Presses from chats, at `/callbacks/NAME`: proven, answered within three seconds, done afterwards. And reports of what
became of a post, at `/callbacks/NAME/KEY`, see `services.upkeep.take_report`: they decide nothing.

Nobody is logged in here: the signature says that it is the vendor, the vendor says who pressed, and
`services.reviewing.chat_review` whether that person may decide. Before the signature nothing of a body is read. What is
refused gets a 4xx without a reason and changes nothing; the reason is in the log.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dayreel.desk.forms import OversizedError, read_body
from dayreel.errors import ConfigurationError, DayreelError, GateClosedError, ProviderError, StaleState, UsageError
from dayreel.providers.notifiers.contract import LONGEST_CAPTION, CallbackAnswer, Callbacks, Interaction
from dayreel.rules.signatures import MAX_BODY_BYTES, Headers, Repeats, UntrustedRequest
from dayreel.services.footage_hooks import footage_hooks
from dayreel.services.project import Project
from dayreel.services.reviewing.chat_review import (
    CheckedInteraction,
    act_on_press,
    card_for_edit,
    catch_up,
    check_interaction,
    notify_privately,
    require_caption,
)
from dayreel.services.upkeep.take_report import ContradictionError, UnknownKeyError, take_report
from dayreel.vendors.registry import chat_named, vendor_named

_LOG = logging.getLogger("dayreel.chat")
_MOST_REPORT_BYTES = 100_000


class _NotTakenError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def callback_routes(project: Project) -> list[Route]:
    """Return the address to give to each chat, and the one that goes out with each post that is confirmed later."""
    return [
        Route("/{chat}", Receiver(project).take, methods=["POST"]),
        Route("/{platform}/{key}", _take_reports(project), methods=["POST"]),
    ]


def _take_reports(project: Project) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        platform, key = request.path_params["platform"], request.path_params["key"]
        try:
            document = json.loads(await read_body(request, _MOST_REPORT_BYTES))
            if not isinstance(document, dict):
                return _no(400, platform, "the body is not a JSON object")
            return JSONResponse(vars(await run_in_threadpool(take_report, project, platform, key, document)))
        except (ValueError, RecursionError):
            return _no(400, platform, "the body cannot be read as JSON")
        except DayreelError as error:
            return _report_refused(platform, error)

    return take


def _report_refused(platform: str, error: DayreelError) -> Response:
    """Return why a report was not taken: to whoever has the key, not to who has not. The key itself is never logged."""
    if isinstance(error, UnknownKeyError):
        return _no(404, platform, str(error))
    if isinstance(error, OversizedError):
        return _no(413, platform, "the body is too large")
    if not isinstance(error, UsageError):
        return _no(503, platform, str(error))
    status = 409 if isinstance(error, ContradictionError) else 422
    _LOG.warning("a report of %r was refused with %d: %s", platform, status, error)
    return JSONResponse({"error": error.message, "next_step": error.next_step}, status)


@dataclass(frozen=True)
class _Chat:
    """A chat that somebody has set up."""

    name: str
    callbacks: Callbacks


class Receiver:
    """Takes presses for one project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._repeats = Repeats()

    async def take(self, request: Request) -> Response:
        """Take what a chat sends to its address."""
        name = request.path_params["chat"]
        try:
            chat = await run_in_threadpool(self._chat, name)
            body = await read_body(request, MAX_BODY_BYTES)
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
            return await run_in_threadpool(self._answer, chat, headers, body)
        except OversizedError:
            return _no(413, name, "the body is too large")
        except _NotTakenError as error:
            return _no(error.status, name, str(error))
        except DayreelError as error:
            return _no(503, name, str(error))

    def _chat(self, name: str) -> _Chat:
        variable = self._project.variable
        try:
            callbacks = chat_named(name).callbacks(variable) if vendor_named(name).is_set_up(variable) else None
        except (UsageError, ConfigurationError) as error:
            raise _NotTakenError(404, str(error)) from error
        if callbacks is None:
            raise _NotTakenError(404, "it is not set up")
        return _Chat(name, callbacks)

    def _answer(self, chat: _Chat, headers: Headers, body: bytes) -> Response:
        interaction = self._proven(chat, headers, body)
        if interaction is None:
            return _response(chat.callbacks.pong)
        try:
            footage = footage_hooks(self._project.settings)
            answer = footage.answer_interaction(self._project, chat.name, interaction) if footage is not None else None
            if answer is not None:
                return _response(chat.callbacks.taken, BackgroundTask(answer, self._project.connect(chat.name)))
            return self._do(chat, check_interaction(self._project, chat.name, interaction))
        except GateClosedError as error:
            return self._denied(chat, interaction, str(error))
        except (UsageError, ConfigurationError) as error:
            raise _NotTakenError(404, str(error)) from error

    def _proven(self, chat: _Chat, headers: Headers, body: bytes) -> Interaction | None:
        """Return what the vendor sent for the first time; None is a test of the address.

        Raises:
            _NotTakenError: it is not from the vendor, came before, or is nothing that we ask for.
        """
        now = self._project.clock.now()
        proof = chat.callbacks.verify(headers, body, now=now)
        if isinstance(proof, UntrustedRequest):
            raise _NotTakenError(401, proof.reason)
        try:
            interaction = chat.callbacks.read(body)
        except ValueError as error:
            raise _NotTakenError(400, f"it cannot be read: {error}") from error
        if interaction is not None and not self._repeats.is_new(proof, now=now):
            raise _NotTakenError(409, "it came before")
        return interaction

    def _denied(self, chat: _Chat, interaction: Interaction, why: str) -> Response:
        answer = chat.callbacks.denied(why)
        if answer is None:
            return _no(
                403,
                chat.name,
                why,
                BackgroundTask(notify_privately, self._project.connect(chat.name), interaction, why),
            )
        _LOG.warning("%s: %s may not decide: %s", chat.name, interaction.person_id, why)
        return _response(answer)

    def _do(self, chat: _Chat, asked: CheckedInteraction) -> Response:
        project, interaction, callbacks = self._project, asked.interaction, chat.callbacks
        notifier = project.connect(chat.name)
        if interaction.act == "edit":
            try:
                return _response(callbacks.form(notifier, interaction, card_for_edit(project, asked)))
            except (StaleState, ProviderError) as error:
                catching_up = BackgroundTask(catch_up, project, notifier, asked.content_id, interaction, str(error))
                return _response(callbacks.taken, catching_up)
        if interaction.act == "caption":
            try:
                require_caption(interaction, longest=LONGEST_CAPTION)
            except UsageError as error:
                return _response(callbacks.form_problem(str(error)))
        return _response(callbacks.taken, BackgroundTask(act_on_press, project, notifier, asked))


def _response(answer: CallbackAnswer, task: BackgroundTask | None = None) -> Response:
    if answer.document is None:
        return Response(status_code=answer.status, background=task)
    return JSONResponse(dict(answer.document), answer.status, background=task)


def _no(status: int, chat: str, why: str, task: BackgroundTask | None = None) -> Response:
    _LOG.warning("a callback of %r was refused with %d: %s", chat, status, why)
    return PlainTextResponse("Refused.\n", status, background=task)
