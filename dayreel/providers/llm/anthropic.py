"""Anthropic's Messages API: one structured answer per call, through the vendor's SDK with its own retries switched off.

Prices, budgets and prompt templates are elsewhere. Protocol facts: SDK 2.11.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from dayreel.errors import ProviderError
from dayreel.providers.http import Http, Refusals, Reply, reveal
from dayreel.providers.llm import anthropic_bill
from dayreel.providers.llm.contract import Answer, Finish, Question
from dayreel.providers.proofs import part_of, prove_models
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message

BASE_URL: Final = anthropic_bill.BASE_URL
_VERSION: Final = "2026-10-21"  # what the SDK sends
_FINISH: Final[Mapping[str, Finish]] = {
    "end_turn": "complete",
    "stop_sequence": "complete",
    "max_tokens": "cut",
    "model_context_window_exceeded": "no_room",
    "refusal": "refused",
}
"""Any other is `unfinished`: `pause_turn` and `tool_use`, to which no question of ours leads, and what is new."""
_LONGEST_SILENT_ANSWER: Final = 21_333
"""Tokens; what may take longer than ten minutes is streamed, or something on the way drops the silent connection."""
_BILLING = "Add credit at console.anthropic.com, Billing."
NEXT_STEPS: Final[Mapping[str, str]] = {
    "invalid_request_error": "Check the model and the prompt templates of this channel.",
    "authentication_error": "Check ANTHROPIC_API_KEY (console.anthropic.com, API keys).",
    "billing_error": _BILLING,
    "permission_error": "Give this key access to the model, or choose another `model` in the channel file.",
    "not_found_error": "Choose a `model` in the channel file that this account has.",
    "request_too_large": "Shorten the prompt template.",
    "rate_limit_error": "It is tried again later; many channels at once may need a higher rate limit.",
    "overloaded_error": "It is tried again later.",
}
"""The vendor's `error.type` to what a person can do."""

_ERRORS: Final = "docs.anthropic.com, API errors: decided before the model is run"
REFUSALS: Final[Refusals] = dict.fromkeys(
    (
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (529, "overloaded_error"),
    ),
    _ERRORS,
)
"""Questions that cost nothing. `api_error` and `timeout_error` come also in the middle of an answer."""


class AnthropicModel:
    """Language models of Anthropic.

    Args:
        api_key: from console.anthropic.com.
        base_url: without `/v1`; None leaves it to the SDK (ANTHROPIC_BASE_URL, else the vendor's own).
        timeout_s: how long the vendor may be silent, in seconds.
    """

    name = "anthropic"

    def __init__(self, *, api_key: SecretStr | str, base_url: str | None = None, timeout_s: float = 180) -> None:
        """Keep the settings; the SDK is imported at the first question."""
        self._key = reveal(api_key, name="ANTHROPIC_API_KEY")
        self._base_url = base_url
        self._timeout_s = timeout_s

    @cached_property
    def _client(self) -> "anthropic.Anthropic":
        import anthropic  # noqa: PLC0415  a second of import, for nothing when nothing is asked

        from dayreel.providers.sdk_client import client_settings  # noqa: PLC0415  brings httpx2

        return anthropic.Anthropic(**client_settings(key=self._key, base_url=self._base_url, timeout_s=self._timeout_s))

    def ask(self, permit: Permit, question: Question) -> Answer:
        """Ask once. See the contract for the errors.

        The SDK's `parse` is not used: it loses the usage of an answer that is cut or does not fit.
        """
        attempted = f"ask {question.model} at Anthropic for {question.schema_name} of {permit.key.content_id}"
        message = self._create(question, attempted)
        usage = message.usage
        finish = _FINISH.get(message.stop_reason or "", "unfinished")
        # Cached tokens are counted apart; dayreel asks for no caching, but a workspace may.
        read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        details = usage.output_tokens_details
        return Answer(
            text="".join(block.text for block in message.content if block.type == "text"),
            finish=finish,
            model=message.model,
            input_tokens=usage.input_tokens + written + read,
            output_tokens=usage.output_tokens,
            request_id=message.id,
            refusal=_refusal(message) if finish == "refused" else None,
            thinking_tokens=details.thinking_tokens if details else 0,
            cached_tokens=read,
            cache_write_tokens=written,
        )

    def _create(self, question: Question, attempted: str) -> "Message":
        import anthropic  # noqa: PLC0415  loaded by now
        import httpx2  # noqa: PLC0415  the same
        from anthropic.types import Message  # noqa: PLC0415  the same

        from dayreel.providers.sdk_client import answer_timeout  # noqa: PLC0415  brings httpx2
        from dayreel.providers.sdk_errors import unanswered, unreadable  # noqa: PLC0415  the same

        asked: dict[str, Any] = {
            "model": question.model,
            "max_tokens": question.max_tokens,
            "system": question.system,
            "messages": [{"role": "user", "content": question.prompt}],
            "output_config": {
                "format": {"type": "json_schema", "schema": anthropic.transform_schema(question.schema)},
                **({} if question.effort in (None, "none") else {"effort": question.effort}),
            },
            # The SDK has no name for it any more; older models take it all the same.
            **({} if question.temperature is None else {"extra_body": {"temperature": question.temperature}}),
            **({"thinking": {"type": "disabled"}} if question.effort == "none" else {}),
            "timeout": answer_timeout(self._timeout_s, question.max_tokens),
        }
        try:
            # Typed as `object`: what an answer that is not JSON comes back as is not what the SDK's types say.
            message: object
            if question.max_tokens > _LONGEST_SILENT_ANSWER:
                with self._client.messages.stream(**asked) as stream:
                    message = stream.get_final_message()
            else:
                message = self._client.messages.create(**asked)
        except anthropic.APIStatusError as error:
            raise self._refused(error, attempted) from None
        except anthropic.APIConnectionError as error:
            raise unanswered(error.__cause__, vendor="Anthropic", attempted=attempted) from None
        except httpx2.TransportError as error:  # in the middle of a stream, which the SDK hands on as it is
            raise unanswered(error, vendor="Anthropic", attempted=attempted) from None
        except (anthropic.AnthropicError, ValueError, AssertionError) as error:
            raise unreadable(attempted, type(error).__name__) from None
        if not isinstance(message, Message) or getattr(message, "usage", None) is None:
            raise unreadable(attempted, "no message in it")
        if message.stop_reason is None:  # a stream that broke off, with the usage of its beginning
            raise unreadable(attempted, "no end of it")
        return message

    def _refused(self, error: "anthropic.APIStatusError", attempted: str) -> ProviderError:
        from dayreel.providers.sdk_errors import answered  # noqa: PLC0415  brings httpx2

        code = str(error.error_code or error.type or "") or None
        words = str(error.api_message or error.message)
        # Without credit the API answers 400 invalid_request_error; only the message distinguishes it from a bad
        # request.
        broke = error.type == "billing_error" or "credit balance" in words.lower()
        return answered(
            error.status_code,
            f"{error.type}: {words}" if error.type else words,
            attempted=attempted,
            headers=error.response.headers,
            secrets=(self._key,),
            reference=error.request_id,
            code="out_of_credit" if broke else code,
            next_step=_BILLING if broke else NEXT_STEPS.get(str(error.type), ""),
            is_refused=(error.status_code, str(error.type)) in REFUSALS,
            final=broke,
        )


def connect(access: Access) -> AnthropicModel:
    """Return Anthropic as the world of `access` has it."""
    return AnthropicModel(api_key=access.secret("ANTHROPIC_API_KEY"), base_url=access.url(BASE_URL, "/anthropic"))


def _refusal(message: "Message") -> str:
    category = getattr(message.stop_details, "category", None)
    return f"The model declined ({category})." if category else "The model declined."


def prove(access: Access, models: Sequence[str]) -> Proof:
    """Ask for each model; without any, for the list."""
    key = reveal(access.secret("ANTHROPIC_API_KEY"), name="ANTHROPIC_API_KEY")
    headers = {"Authorization": f"Bearer {key}", "anthropic-version": _VERSION}
    base = access.url(BASE_URL, "/anthropic") + "/v1/models"

    def refused(reply: Reply) -> ProviderError:
        error = part_of(reply, "error")
        kind = str(error.get("type") or reply.status)
        return reply.error(str(error.get("message") or reply.words), next_step=NEXT_STEPS.get(kind, ""), code=kind)

    return prove_models(Http("Anthropic", headers=headers, secrets=(key,)), base, models, refused)


VENDOR: Final = Vendor(
    name="anthropic",
    family="llm",
    about="Claude, through the Anthropic SDK.",
    connect=connect,
    settings=(
        Setting("ANTHROPIC_API_KEY", "console.anthropic.com, API keys", sandbox="sandbox-anthropic-key"),
        *anthropic_bill.SETTINGS,
    ),
    bill=anthropic_bill.BILL,
    can=("ideas", "prompts", "structured answers with their usage"),
    prove=prove,
    first_day=(
        Proof("", "without credit every question is refused, and no free question shows it", _BILLING),
        Proof(
            "", "a new organisation has a low limit of tokens a minute", "Make few channels at once on the first day."
        ),
    ),
    order=1,
    refusals=frozenset(NEXT_STEPS),
    stand_in="dayreel.sandbox.anthropic:mount",
)
