"""Decisions by a press in a chat: whose press it is, whether that person may decide, and the decision itself.

Whoever calls has proven that the press comes from the vendor (`rules.signatures`). Everything a press changes goes
through `services.reviewing.decide`, with exactly what its message showed.
"""

import logging
from dataclasses import dataclass, replace
from typing import Final

from dayreel.errors import ConfigurationError, DayreelError, GateClosedError, ProviderError, StaleState, UsageError
from dayreel.providers.notifiers.contract import Card, Interaction, ReviewNotifier
from dayreel.queries.people import decider, name_behind
from dayreel.queries.review import DecisionVerdict, ReviewSnapshot, parse_snapshot, snapshot_for_review
from dayreel.queries.rows import get_content, newest_verdict
from dayreel.rules.content_ids import parse_content_id
from dayreel.schemas.channel import Channel
from dayreel.schemas.person import name_key
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.review_cards import card_of, redraw_cards
from dayreel.vendors.registry import chat_named

_LOG = logging.getLogger("dayreel.chat")

Chat = str
"""The name of a notifier whose record has a `chat`."""
_VERDICTS: Final[dict[str, DecisionVerdict]] = {"approve": "approved", "reject": "rejected", "caption": "edited"}
_LONGEST_NAME: Final = 60


@dataclass(frozen=True)
class CheckedInteraction:
    """A press by somebody who may decide; `name` goes into the record."""

    interaction: Interaction
    chat: Chat
    content_id: str
    seen: ReviewSnapshot
    name: str


def check_interaction(project: Project, chat: Chat, interaction: Interaction) -> CheckedInteraction:
    """Return who wants what, without changing anything.

    Raises:
        UsageError: there is no such content, or the press does not say what it was shown.
        GateClosedError: it happened in another room, or this person may not decide.
        ConfigurationError: the channel file cannot be read.
    """
    content_id, _, shown = interaction.ticket.partition(" ")
    seen = parse_snapshot(shown)
    channel_name = parse_content_id(content_id).channel
    with project.catalog.read() as connection:
        get_content(connection, content_id)
    require_room(project, chat, interaction)
    name = _decider(project, project.channels.load(channel_name), chat, interaction)
    return CheckedInteraction(interaction, chat, content_id, seen, name)


def require_room(project: Project, chat: Chat, interaction: Interaction) -> None:
    """Refuse a press in another room than that of the reviews.

    Raises:
        GateClosedError: it happened elsewhere.
    """
    if interaction.place != project.variable(chat_named(chat).room):
        raise GateClosedError(f"Reviews are decided in one room of {chat}, and this is another one.")


def card_for_edit(project: Project, asked: CheckedInteraction) -> Card:
    """Return the card whose caption somebody wants to change.

    Raises:
        StaleState: it has changed since the message was made.
    """
    channel = project.channels.load(parse_content_id(asked.content_id).channel)
    with project.catalog.read() as connection:
        row = get_content(connection, asked.content_id)
        newest = newest_verdict(connection, asked.content_id)
    if row.state != "review_pending" or snapshot_for_review(row, channel) != replace(asked.seen, words=""):
        raise StaleState(
            f"{row.id} has changed since this message was made; it is {row.state}, revision {row.revision}.",
            next_step="Look at the newest message, or at the desk.",
        )
    return card_of(project, channel, row, revision=row.revision, newest=newest)


def act_on_press(project: Project, notifier: ReviewNotifier, asked: CheckedInteraction) -> None:
    """Decide, update the messages, and reply to the person when it was refused. Never raises a `DayreelError`."""
    interaction, refusal = asked.interaction, ""
    try:
        decide(
            project,
            asked.content_id,
            _VERDICTS[interaction.act],
            by=asked.name,
            via=asked.chat,
            seen=asked.seen,
            caption=interaction.caption if interaction.act == "caption" else None,
        )
    except DayreelError as error:
        refusal = str(error)
    catch_up(project, notifier, asked.content_id, interaction, refusal)


def catch_up(
    project: Project, notifier: ReviewNotifier, content_id: str, interaction: Interaction, refusal: str
) -> None:
    """Make a content's messages show its current state, and reply to the person who pressed why nothing came of it."""
    try:
        for problem in redraw_cards(project, content_id):
            _LOG.warning("%s: %s", content_id, problem)
    except DayreelError as error:
        _LOG.warning("%s: its messages could not be changed: %s", content_id, error)
    notify_privately(notifier, interaction, refusal)


def notify_privately(notifier: ReviewNotifier, interaction: Interaction, text: str) -> None:
    """Reply to the person who pressed, if there is a message; a reply that cannot be sent is logged."""
    if not text:
        return
    _LOG.info("%s pressed %r: %s", interaction.person_id, interaction.act, text)
    try:
        notifier.reply_ephemeral(interaction, text)
    except (ProviderError, ConfigurationError) as error:
        _LOG.warning("The reply to %s could not be sent: %s", interaction.person_id, error)


def _decider(project: Project, channel: Channel, chat: Chat, interaction: Interaction) -> str:
    """Return the name under which somebody decides: whose account it is, or one that nobody can take for another's.

    Raises:
        GateClosedError: this person may not decide on the channel.
    """
    account = interaction.person_id
    written = channel.review.deciders(chat).get(account)
    with project.catalog.read() as connection:
        mapped = name_behind(connection, chat, account)
    if written is not None and mapped is not None and name_key(written) != name_key(mapped):
        raise GateClosedError(
            f"You may not decide on channel {channel.name!r}: your {chat} id {account} is mapped to two "
            f"people, {written!r} in its file and {mapped!r} at the desk.",
            next_step=f"Take it out of one of them: `dayreel users disconnect {mapped!r} {chat} {account}`.",
        )
    name = mapped or written
    if name is None and channel.review.who:
        raise GateClosedError(
            f"You may not decide on channel {channel.name!r}: nobody with your {chat} id {account} is in it.",
            next_step=f"`dayreel users connect NAME {chat} {account}`, or `{chat}: {{'{account}': "
            "NAME}` under `review` in its file; NAME is one of `who`.",
        )
    if name is None:
        return shown_name(chat, interaction)
    with project.catalog.read() as connection:
        return decider(connection, channel, name)


def shown_name(chat: Chat, interaction: Interaction) -> str:
    """Return the name of somebody whom no channel file names: one that nobody can take for another's."""
    shown = "".join(letter for letter in interaction.person_name if letter.isprintable())[:_LONGEST_NAME]
    return f"{shown} ({chat} {interaction.person_id})"


def require_caption(interaction: Interaction, *, longest: int) -> None:
    """Refuse a sent form whose caption cannot be one.

    Raises:
        UsageError: says what is wrong with it.
    """
    if not interaction.caption.strip():
        raise UsageError("A caption needs words.")
    if len(interaction.caption) > longest:
        raise UsageError(f"A caption has at most {longest} characters.")
