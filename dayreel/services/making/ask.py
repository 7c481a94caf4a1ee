"""Asking a language model for one document, paid through the ledger, read strictly.

An answer that was cut, off the schema or lost is asked for again under the next sequence number. A lost answer may cost
its tokens and cannot be looked up (docs/explanation/guarantees.md): it is booked at the most they can cost, and asked
for again after a pause, within the caps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.llm.contract import LanguageModel, Question
from dayreel.queries.rows import ContentRow
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.pricing import most_tokens_cost, tokens_cost
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Layer
from dayreel.schemas.effect import EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.project import Project
from dayreel.services.retry_transient import LONGEST_WAIT_S

MAX_ANSWERS = 4
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
    """Ask until an answer can be used, four times at the most.

    Answers that a person set aside, and those that an earlier call lost, do not count.

    Args:
        accept: looks at a well-formed document and raises `Unusable` when it will not do.

    Raises:
        PermanentError: the model refused, or no answer could be used; the reasons are listed.
        GateClosedError: a cap holds.
        TransientError: the service is down, or four answers in a row were lost; a later call asks again.
    """
    effect_ids: list[int] = []
    reasons: list[str] = []
    lost: list[str] = []
    cost_usd = Decimal(0)
    prompt = question.prompt
    for sequence in range(1, MAX_SEQUENCES + 1):
        if len(reasons) + len(lost) == MAX_ANSWERS:
            break
        asked = Question(
            question.model, question.system, prompt, question.schema, question.schema_name, question.max_tokens
        )
        key = EffectKey(row.id, "llm", model.name, sequence, fingerprint(layer=layer, asked=vars(asked)))
        earlier = project.ledger.find(key)
        # It cannot be looked up, and is booked at its most by `reconcile`. Until then it keeps its number and its
        # money.
        if earlier is not None and earlier.state == "unknown":
            continue
        try:
            effect = project.ledger.perform(*_paid(project, channel, row, layer, model, asked, key))
        except UnknownOutcomeError as error:
            lost.append(f"answer {sequence} was lost ({error.answer})")
            if len(reasons) + len(lost) < MAX_ANSWERS:
                project.clock.sleep(min(error.retry_after_s or 2.0 ** (len(lost) - 1), LONGEST_WAIT_S))
            continue
        # A person has retried the content: this answer is paid, and is not to be used a second time.
        if effect.result.get("set_aside"):
            continue
        effect_ids.append(effect.id)
        cost_usd += effect.settled_usd or Decimal(0)
        if effect.result.get("lost"):
            # The next question was asked before this was written off: it must stay the same, hint and all.
            continue
        try:
            parsed = _read(row.id, effect.result, document)
            accept(parsed)
        except Unusable as unusable:
            # The hint becomes part of the next question, and so of its key. After a crash the same answers lead to
            # the same questions, each of which the ledger finds paid.
            reasons.append(f"answer {sequence}: {unusable.reason}")
            prompt = f"{question.prompt}\n\n{unusable.hint}".strip()
            continue
        return Asked(parsed, tuple(effect_ids), cost_usd)
    attempted = f"get {question.schema_name} for {row.id} from {model.name} ({question.model})"
    if lost:
        raise AnswersLostError(
            attempted=attempted,
            answer="; ".join((*reasons, *lost)),
            next_step=f"Look whether {model.name} is down; `dayreel run` asks again, as long as the caps allow.",
        )
    raise PermanentError(
        attempted=attempted,
        answer="; ".join(reasons),
        next_step="Look at the channel's topic and templates, or choose another model; "
        f"`dayreel retry {row.id}` asks again.",
    )


def _paid(
    project: Project,
    channel: Channel,
    row: ContentRow,
    layer: Layer,
    model: LanguageModel,
    question: Question,
    key: EffectKey,
) -> tuple[Intent, Callable[[Permit, dict[str, Any], RecordHandle], Done]]:
    price = project.models.priced(model.name, question.model)
    prompt = f"{question.system}{question.prompt}{question.schema}"
    intent = Intent(
        key=key,
        channel=channel,
        day=row.day,
        layer=layer,
        model=question.model,
        request={"system": question.system, "prompt": question.prompt, "schema_name": question.schema_name},
        most_usd=most_tokens_cost(price, prompt=prompt, max_tokens=question.max_tokens),
    )

    def act(permit: Permit, _handle: dict[str, Any], _record: RecordHandle) -> Done:
        answer = model.ask(permit, question)
        cost = tokens_cost(price, input_tokens=answer.input_tokens, output_tokens=answer.output_tokens)
        return Done({**vars(answer)}, cost)

    return intent, act


def _read(content_id: str, result: dict[str, Any], document: type[Document]) -> Document:
    if result["finish"] == "refused":
        raise PermanentError(
            attempted=f"get an answer from {result['model']}",
            answer=f"the model refused: {result['refusal'] or 'no reason given'}",
            reference=result["request_id"],
            next_step="Change the channel's topic or template; "
            f"`dayreel retry {content_id}` asks the same question again.",
        )
    if result["finish"] == "cut":
        raise Unusable("it was cut off", "Be brief: your last answer was too long and was cut off.")
    try:
        return document.model_validate_json(result["text"])
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}" for fault in error.errors()
        )
        raise Unusable(
            f"it does not follow the schema ({problems})", f"Your last answer had faults: {problems}"
        ) from None
