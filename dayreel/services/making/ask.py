"""Asking a language model for one document, paid through the ledger, read strictly.

Each way an answer can end has its own next step. One that was cut gets twice the room, up to the model's limit; one
that was refused is asked for once more, with the refusal's words; one that does not fit, with what was wrong with it.
All of them are paid, each under its own sequence number. A lost answer may cost its tokens and cannot be looked up
(docs/explanation/guarantees.md): it is booked at the most they can cost, and asked for again after a pause, within the
caps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from dayreel.errors import ContentRefusedError, PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import LanguageModel, Question
from dayreel.queries.rows import ContentRow
from dayreel.rules.answers import answer_room, effort_of, more_room, temperature_of
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.pricing import most_tokens_cost, tokens_cost
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Layer
from dayreel.schemas.effect import Effect, EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.project import Project
from dayreel.services.retry_transient import LONGEST_WAIT_S
from dayreel.vendors.models import TextModel

MAX_ANSWERS = 4
MAX_REWRITES = 1
"""How often a refusal is answered automatically; after that it is for a person (docs/decisions)."""
# Numbers, not questions: answers that were lost or set aside keep theirs. A bound all the same, so that no loop buys
# without end.
MAX_SEQUENCES = 100

Document = TypeVar("Document", bound=BaseModel)


@dataclass(frozen=True)
class Asked(Generic[Document]):
    """A usable document, and every effect that was paid on the way to it."""

    document: Document
    effect_ids: tuple[int, ...]
    cost_usd: Decimal


@dataclass(frozen=True)
class Unusable(Exception):  # noqa: N818  never leaves this module's callers
    """Why an answer cannot be used; asks for another one. `hint` is added to the next question."""

    reason: str
    hint: str = ""


class AnswersLostError(TransientError):
    """Every answer got lost, and each may have been billed: trying again can help, and may cost as much again."""

    _retry_words = "Each is booked at the most it can have cost; trying again can help."


class AnswerCutError(PermanentError):
    """The answer did not fit into the most that the model can write, or the question into what it can read."""


@dataclass
class _Course:
    """How a question stands: what was learned of the answers so far decides what is asked next.

    It depends on the answers alone, so after a crash the same answers lead to the same questions, each of which the
    ledger finds paid.
    """

    question: Question
    facts: TextModel
    asked: Question
    reasons: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)
    refusals: int = 0

    @property
    def is_over(self) -> bool:
        return len(self.reasons) + len(self.lost) == MAX_ANSWERS

    def give_room(self) -> bool:
        """Let the next answer be longer; False where it is as long as the model can write already."""
        room = more_room(self.facts, self.asked.max_tokens)
        if room is not None:
            self.asked = replace(self.asked, max_tokens=room)
        return room is not None

    def hint(self, words: str) -> None:
        self.asked = replace(self.asked, prompt=f"{self.question.prompt}\n\n{words}".strip())


def ask(
    project: Project,
    channel: Channel,
    row: ContentRow,
    *,
    layer: Layer,
    model: LanguageModel,
    question: Question,
    document: type[Document],
    accept: Callable[[Document], None] = lambda _document: None,
) -> Asked[Document]:
    """Ask until an answer can be used: four times at the most, not counting those that were cut or refused.

    Answers that a person set aside, and those that an earlier call lost, do not count.

    Args:
        question: `max_tokens` is for the text alone; effort and the room to think are added here, by the channel's file
            and the model's row.
        accept: looks at a well-formed document and raises `Unusable` when it will not do.

    Raises:
        ConfigurationError: the model takes no such effort, or has no price.
        ContentRefusedError: the model refused, also when it was asked with the words of its refusal.
        AnswerCutError: the longest answer that the model can write was cut.
        PermanentError: the vendor refused the question, or no answer could be used; the reasons are listed.
        GateClosedError: a cap holds.
        TransientError: the service is down, or four answers in a row were lost; a later call asks again.
    """
    effect_ids: list[int] = []
    cost_usd = Decimal(0)
    course = _course(project, channel, layer, model, question)
    for sequence in range(1, MAX_SEQUENCES + 1):
        if course.is_over:
            break
        effect = _answered(project, channel, row, layer, model, course, sequence)
        if effect is None:
            continue
        effect_ids.append(effect.id)
        cost_usd += effect.settled_usd or Decimal(0)
        if effect.result.get("lost"):
            # The next question was asked before this was written off: it must stay the same, hint and all.
            continue
        try:
            parsed = _usable(row.id, course, effect.result, document)
            if parsed is None:
                continue
            accept(parsed)
        except Unusable as unusable:
            course.reasons.append(f"answer {sequence}: {unusable.reason}")
            course.hint(unusable.hint)
            continue
        return Asked(parsed, tuple(effect_ids), cost_usd)
    attempted = _attempted(row.id, course)
    if course.lost:
        raise AnswersLostError(
            attempted=attempted,
            answer="; ".join((*course.reasons, *course.lost)),
            next_step=f"Look whether {model.name} is down; `dayreel run` asks again, as long as the caps allow.",
        )
    raise PermanentError(
        attempted=attempted,
        answer="; ".join(course.reasons),
        next_step="Look at the channel's topic and templates, or choose another model; "
        f"`dayreel retry {row.id}` asks again.",
    )


def _answered(
    project: Project,
    channel: Channel,
    row: ContentRow,
    layer: Layer,
    model: LanguageModel,
    course: _Course,
    sequence: int,
) -> Effect | None:
    """Return the paid answer of this number; None where there is none to read."""
    key = EffectKey(row.id, "llm", model.name, sequence, fingerprint(layer=layer, asked=vars(course.asked)))
    earlier = project.ledger.find(key)
    # It cannot be looked up, and is booked at its most by `reconcile`. Until then it keeps its number and its money.
    if earlier is not None and earlier.state == "unknown":
        return None
    try:
        effect = project.ledger.perform(*_paid(project, channel, row, layer, model, course, key))
    except UnknownOutcomeError as error:
        course.lost.append(f"answer {sequence} was lost ({error.answer})")
        if not course.is_over:
            project.clock.sleep(min(error.retry_after_s or 2.0 ** (len(course.lost) - 1), LONGEST_WAIT_S))
        return None
    # A person has retried the content: this answer is paid, and is not to be used a second time. What it taught holds:
    # the same bytes would be cut or refused again.
    if effect.result.get("set_aside"):
        _learn(course, effect.result)
        return None
    return effect


def _course(project: Project, channel: Channel, layer: Layer, model: LanguageModel, question: Question) -> _Course:
    source = channel.ideas if layer == "idea" else channel.prompts
    facts = project.models.text(model.name, question.model)
    effort = effort_of(facts, source.effort if source else None)
    asked = source.max_tokens if source else None
    room = answer_room(facts, effort, text_tokens=question.max_tokens, asked=asked)
    temperature = temperature_of(facts, source.temperature if source else None, effort)
    return _Course(question, facts, replace(question, effort=effort, max_tokens=room, temperature=temperature))


def _attempted(content_id: str, course: _Course) -> str:
    question = course.question
    return f"get {question.schema_name} for {content_id} from {course.facts.provider} ({question.model})"


def _paid(
    project: Project,
    channel: Channel,
    row: ContentRow,
    layer: Layer,
    model: LanguageModel,
    course: _Course,
    key: EffectKey,
) -> tuple[Intent, Callable[[Permit, dict[str, Any], RecordHandle], Done]]:
    question, price = course.asked, project.models.priced(model.name, course.asked.model)
    prompt = f"{question.system}{question.prompt}{question.schema}"
    intent = Intent(
        key=key,
        channel=channel,
        day=row.day,
        layer=layer,
        model=question.model,
        request={
            "system": question.system,
            "prompt": question.prompt,
            "schema_name": question.schema_name,
            "effort": question.effort,
            "max_tokens": question.max_tokens,
            **({} if question.temperature is None else {"temperature": question.temperature}),
        },
        most_usd=most_tokens_cost(price, prompt=prompt, max_tokens=question.max_tokens),
    )

    def act(permit: Permit, _handle: dict[str, Any], _record: RecordHandle) -> Done:
        answer = model.ask(permit, question)
        cost = tokens_cost(
            price,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            cached_tokens=answer.cached_tokens,
            cache_write_tokens=answer.cache_write_tokens,
        )
        return Done({**vars(answer)}, cost)

    return intent, act


def _learn(course: _Course, result: Mapping[str, Any]) -> None:
    """Let the next question differ from one whose answer was cut or refused."""
    if result.get("finish") == "cut":
        course.give_room()
    elif result.get("finish") == "refused":
        course.refusals += 1
        course.hint(_rewrite_words(result))


def _usable(content_id: str, course: _Course, result: Mapping[str, Any], document: type[Document]) -> Document | None:
    """Return the document, or None where the question was changed and is to be asked again.

    Raises:
        Unusable: it does not follow the schema, or was not finished.
        AnswerCutError, ContentRefusedError: asking again cannot help.
    """
    attempted, again = _attempted(content_id, course), f"`dayreel retry {content_id}` asks again."
    match result["finish"]:
        case "cut":
            course.cuts.append(f"{course.asked.max_tokens} tokens, {result.get('thinking_tokens', 0)} of them thinking")
            if course.give_room():
                return None
            effort = f" (`effort`, now {course.asked.effort})" if course.asked.effort else ""
            raise AnswerCutError(
                attempted=attempted,
                answer=f"every answer was cut: {'; '.join(course.cuts)}",
                reference=result["request_id"],
                next_step=f"Let it think less{effort}, ask for less in the template, or choose a model that writes "
                f"longer answers, in the channel file; then {again}",
                code="answer_cut",
            )
        case "no_room":
            raise AnswerCutError(
                attempted=attempted,
                answer="question and answer together do not fit into what the model can read",
                reference=result["request_id"],
                next_step=f"Shorten the template, or choose a model that reads more, in the channel file; then {again}",
                code="context_full",
            )
        case "refused":
            course.refusals += 1
            if course.refusals <= MAX_REWRITES:
                course.hint(_rewrite_words(result))
                return None
            raise ContentRefusedError(
                attempted=attempted,
                answer=f"the model refused: {result['refusal'] or 'no reason given'}",
                reference=result["request_id"],
                next_step="Change the channel's topic or template, or give the day another idea "
                f"(docs/how-to/when-something-stops.md); then {again}",
                code="content_refused",
            )
        case "unfinished":
            raise Unusable("it was not finished", "Your last answer was not finished. Answer at once, in one piece.")
    if r"\u0000" in result["text"]:  # PostgreSQL and the command line of a voice take none
        raise Unusable("it has a NUL character in it", r"Your last answer had \u0000 in it. Leave it out.")
    try:
        return document.model_validate_json(result["text"])
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}" for fault in error.errors()
        )
        raise Unusable(
            f"it does not follow the schema ({problems})", f"Your last answer had faults: {problems}"
        ) from None


def _rewrite_words(result: Mapping[str, Any]) -> str:
    return (
        f"Your last answer was refused by a content policy: {result['refusal'] or 'no reason given'} "
        "Keep to the task, and choose a subject and words that no policy can object to."
    )
