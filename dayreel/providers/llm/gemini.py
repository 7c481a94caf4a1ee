"""Gemini through google-genai: one structured answer per call. The client, its errors and its proof: `google_genai`.

Prices, budgets and prompt templates are elsewhere. Protocol facts: SDK 3.6.1, `google/genai/types.py`.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from dayreel.errors import PermanentError
from dayreel.providers import google_genai
from dayreel.providers.http import Refusals
from dayreel.providers.llm.contract import Answer, Finish, Question, most_tokens, reshaped
from dayreel.rules.answers import longest_silence
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Vendor

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentConfig, GenerateContentResponse, ThinkingConfig

_TIMEOUT_S: Final = 180.0
_FINISH: Final[Mapping[str, Finish]] = {
    "STOP": "complete",
    "MAX_TOKENS": "cut",
    "SAFETY": "refused",
    "RECITATION": "refused",
    "LANGUAGE": "refused",
    "BLOCKLIST": "refused",
    "PROHIBITED_CONTENT": "refused",
    "SPII": "refused",
    "ESCALATION": "refused",
    "CONTINUATION": "cut",
}
"""Any other is `unfinished`: what tools and pictures end with, `OTHER`, and what is new."""
_LIMITED: Final = "PUP_LIMITED_DISABLED"
NEXT_STEPS: Final[Mapping[str, str]] = {
    **google_genai.NEXT_STEPS,
    _LIMITED: "Google has limited this account for breaking its policy of prohibited use: see aistudio.google.com, and "
    "let another vendor write until then.",
}
"""Reasons of errors, and the finish reason that no other words mend."""
_KEYWORDS: Final = frozenset(
    {
        *("$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems"),
        *("minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties"),
        *("required", "propertyOrdering"),
    }
)
"""Of JSON Schema, by the SDK's `response_json_schema`."""
REFUSALS: Final[Refusals] = {
    **google_genai.REFUSALS,
    **dict.fromkeys(
        ((500, "INTERNAL"), (503, "UNAVAILABLE")),
        "ai.google.dev, Billing FAQ: no tokens are charged for a request that fails with a 400 or 500 error",
    ),
}


class GeminiModel:
    """Language models of Google.

    Args:
        access: with GEMINI_API_KEY.
    """

    name = "gemini"

    def __init__(self, access: Access) -> None:
        """Keep the way there; the SDK is imported at the first question.

        Raises:
            ConfigurationError: GEMINI_API_KEY is not set.
        """
        access.secret(google_genai.KEY.variable)
        self._access = access

    @cached_property
    def _client(self) -> "Client":
        return google_genai.connect_client(self._access, timeout_s=_TIMEOUT_S)

    def ask(self, permit: Permit, question: Question) -> Answer:
        """Ask once. See the contract for the errors.

        Raises:
            ConfigurationError: google-genai is not installed; nothing was asked.
        """
        attempted = f"ask {question.model} at Google for {question.schema_name} of {permit.key.content_id}"
        client = self._client
        from dayreel.providers.sdk_errors import DOUBT, unreadable  # noqa: PLC0415  brings httpx2

        with google_genai.typed_errors(self._access, attempted, refusals=REFUSALS, doubt=DOUBT):
            response = client.models.generate_content(
                model=question.model, contents=question.prompt, config=_config(question)
            )
        finish, reason = _ended(response)
        if finish is None:
            raise unreadable(attempted, "no answer, and no reason why")
        if reason == _LIMITED:
            raise PermanentError(
                attempted=attempted, answer=f"finish reason {reason}", code=reason, next_step=NEXT_STEPS[reason]
            )
        usage, most = response.usage_metadata, most_tokens(question)
        if usage is not None and usage.prompt_token_count is None:
            usage = None  # there, and without the counts
        thoughts = (usage.thoughts_token_count or 0) if usage else 0
        return Answer(
            text=_text(response),
            finish=finish,
            model=response.model_version or question.model,
            input_tokens=(usage.prompt_token_count or 0) if usage else most.input_tokens,
            output_tokens=(usage.candidates_token_count or 0) + thoughts if usage else most.output_tokens,
            request_id=response.response_id,
            refusal=f"Google's filter stopped it ({reason})." if finish == "refused" else None,
            thinking_tokens=thoughts,
            cached_tokens=(usage.cached_content_token_count or 0) if usage else 0,
            usage_reported=usage is not None,
        )


def _config(question: Question) -> "GenerateContentConfig":
    from google.genai import types  # noqa: PLC0415  loaded by now

    timeout_s = max(_TIMEOUT_S, longest_silence(question.max_tokens).total_seconds())
    return types.GenerateContentConfig(
        system_instruction=question.system,
        max_output_tokens=question.max_tokens,
        temperature=question.temperature,
        response_mime_type="application/json",
        response_json_schema=supported(question.schema),
        thinking_config=_thinking(question.effort),
        http_options=types.HttpOptions(timeout=round(timeout_s * 1000)),
    )


def _thinking(effort: str | None) -> "ThinkingConfig | None":
    from google.genai import types  # noqa: PLC0415  loaded by now

    if effort is None:
        return None
    if effort == "none":
        return types.ThinkingConfig(thinking_budget=0)
    return types.ThinkingConfig(thinking_level=types.ThinkingLevel(effort.upper()))


def supported(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a JSON Schema with what `response_json_schema` takes, and nothing beside a `$ref`."""

    def change(part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in part:
            return {key: value for key, value in part.items() if key.startswith("$")}
        constant = {"enum": [part["const"]]} if "const" in part else {}
        return {key: value for key, value in part.items() if key in _KEYWORDS} | constant

    taken: dict[str, Any] = reshaped(schema, change)
    return taken


def _ended(response: "GenerateContentResponse") -> tuple[Finish | None, str]:
    """Return how an answer ended, None where it says nothing of it, and the vendor's word for that."""
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        return "refused", feedback.block_reason.value
    first = response.candidates[0] if response.candidates else None
    if first is None or first.finish_reason is None:
        return None, ""
    return _FINISH.get(first.finish_reason.value, "unfinished"), first.finish_reason.value


def _text(response: "GenerateContentResponse") -> str:
    """Return what was written, without the thoughts; the SDK's own `text` warns of parts that no question asks for."""
    first = response.candidates[0] if response.candidates else None
    parts = (first.content.parts if first is not None and first.content is not None else None) or []
    return "".join(part.text for part in parts if part.text and not part.thought)


def connect(access: Access) -> GeminiModel:
    """Return Gemini as the world of `access` has it."""
    return GeminiModel(access)


VENDOR: Final = Vendor(
    name="gemini",
    family="llm",
    about="Gemini, through google-genai (`pip install 'dayreel[gemini]'`).",
    connect=connect,
    settings=(google_genai.KEY,),
    can=("ideas", "prompts", "structured answers with their usage"),
    prove=google_genai.prove,
    first_day=(
        Proof(
            "",
            "a project without billing has a free quota for some models, none for others, and Google uses what is sent "
            "to improve its products",
            "Set up billing at aistudio.google.com before you go live.",
        ),
    ),
    order=3,
    refusals=frozenset(NEXT_STEPS),
    stand_in="dayreel.sandbox.gemini:mount",
)
