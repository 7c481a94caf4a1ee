"""Brand safety, before anything expensive is bought: blocked terms, and a second look by the model.

A text that does not pass is refused with `Unusable`, so that `services.making.ask` asks for another one. The second
look is a question of its own, paid through the ledger like every other; a channel switches it on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from dayreel.errors import ContentRefusedError, UsageError
from dayreel.providers.llm.contract import LanguageModel, Question
from dayreel.queries.rows import ContentRow
from dayreel.rules.safety import find_blocked
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Idea, Layer, PromptSet
from dayreel.services.making.ask import Asked, Unusable, ask
from dayreel.services.making.templating import render
from dayreel.services.project import Project
from dayreel.stores.blocked_terms import default_terms


class SafetyVerdict(BaseModel):
    """What the second look answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    safe: bool = Field(description="false when a careful brand would not publish this")
    reasons: tuple[str, ...] = Field(description="each reason why not, in a few words; empty when it is safe")


@dataclass
class SafetyGate:
    """The gate that every text of one stage passes, and what its second looks cost.

    Args:
        model, model_name: who takes the second look; the one that wrote the text.
    """

    project: Project
    channel: Channel
    row: ContentRow
    layer: Layer
    model: LanguageModel
    model_name: str
    looks: list[Asked[SafetyVerdict]] = field(default_factory=list)

    def admit(self, texts: Sequence[str]) -> None:
        """Let the texts through, or not.

        Raises:
            Unusable: a blocked term stands in them, or the second look says that they are not safe.
            ProviderError, GateClosedError: the second look could not be taken, see `services.making.ask`.
        """
        blocked = blocked_terms_in(self.channel, texts)
        if blocked:
            raise Unusable(
                f"it holds blocked terms ({', '.join(blocked)})",
                f"Your last answer was refused for brand safety. Keep well away from: {', '.join(blocked)}.",
            )
        if not self.channel.safety.second_look:
            return
        try:
            verdict = self._look("\n\n".join(text for text in texts if text))
        except ContentRefusedError as refusal:
            raise Unusable(
                f"the second look would not look at it ({refusal.answer})",
                "Your last answer was refused by a content policy. Choose something harmless.",
            ) from None
        if not verdict.safe:
            reasons = "; ".join(verdict.reasons) or "no reason given"
            raise Unusable(
                f"the second look calls it unsafe ({reasons})",
                f"Your last answer was refused for brand safety: {reasons}. Choose something harmless.",
            )

    @property
    def effect_ids(self) -> tuple[int, ...]:
        """The effects of every second look."""
        return tuple(effect_id for look in self.looks for effect_id in look.effect_ids)

    @property
    def cost_usd(self) -> Decimal:
        """What every second look cost together."""
        return sum((look.cost_usd for look in self.looks), Decimal(0))

    def _look(self, text: str) -> SafetyVerdict:
        prompt = render(
            self.project.settings.channels_dir, self.channel.content_type, "safety", channel=self.channel, text=text
        )
        asked = ask(
            self.project,
            self.channel,
            self.row,
            layer=self.layer,
            model=self.model,
            question=Question(
                model=self.model_name,
                system="You answer with one JSON document that follows the given schema, and nothing else.",
                prompt=prompt,
                schema=SafetyVerdict.model_json_schema(),
                schema_name="safety",
                max_tokens=1000,
            ),
            document=SafetyVerdict,
        )
        self.looks.append(asked)
        return asked.document


def blocked_terms_in(channel: Channel, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the blocked terms that stand in the texts: the packaged ones and the channel's own."""
    safety = channel.safety
    packaged = default_terms() if safety.default_terms else ()
    return find_blocked(texts, (*safety.blocked_terms, *packaged))


def texts_of_idea(idea: Idea) -> tuple[str, ...]:
    """Return everything of an idea that a viewer or a model could get to see."""
    parts = (idea.idea, idea.caption, " ".join(idea.hashtags), idea.topic, idea.cultural_context)
    return (*parts, idea.environment, idea.sound_concept, idea.narration)


def texts_of_prompts(prompts: PromptSet) -> tuple[str, ...]:
    """Return every prompt."""
    return tuple(text for prompt in prompts.prompts for text in (prompt.video_prompt, prompt.audio_prompt))


def refuse_blocked(channel: Channel, idea: Idea, *, source: str) -> None:
    """Refuse an idea that a person wrote and that holds a blocked term.

    Args:
        source: where it stands, for the message.

    Raises:
        UsageError: names the terms.
    """
    blocked = blocked_terms_in(channel, texts_of_idea(idea))
    if blocked:
        raise UsageError(
            f"{source} holds blocked terms: {', '.join(blocked)}.",
            next_step="Write it without them; the lists are `safety` in the channel's file and the packaged one.",
        )
