"""OpenAI's Responses API: one structured answer per call, through the vendor's SDK with its own retries switched off.

Prices, budgets and prompt templates are elsewhere. Protocol facts: SDK 3.52.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

from pydantic import SecretStr

from dayreel.errors import PermanentError, ProviderError, UnknownOutcomeError
from dayreel.providers.http import Http, Refusals, Reply, readable, reveal
from dayreel.providers.llm import openai_bill
from dayreel.providers.llm.contract import Answer, Finish, Question, closed
from dayreel.providers.proofs import part_of, prove_models
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

if TYPE_CHECKING:
    import openai
    from openai.types.responses import Response
    from openai.types.shared_params import ReasoningEffort

BASE_URL: Final = f"{openai_bill.BASE_URL}/v1"
_VERIFY = (
    "Open platform.openai.com, Settings, Organization, General, Verify Organization; access takes up to 15 minutes. "
    "Or choose a `model` that needs none."
)
BILLING = "Add credit or raise the limit at platform.openai.com, Billing."
NEXT_STEPS: Final[Mapping[int, str]] = {
    400: "Check the model and the prompt templates of this channel.",
    401: "Check OPENAI_API_KEY (platform.openai.com, API keys).",
    403: "Give this key's project access to the model, or choose another `model` in the channel file.",
    404: "Choose a `model` in the channel file that this account has.",
    422: "Check the model and the prompt templates of this channel.",
    429: "It is tried again later; many channels at once may need a higher rate limit.",
}
"""HTTP status to what a person can do."""

KEY: Final = Setting("OPENAI_API_KEY", "platform.openai.com, API keys", sandbox="sandbox-openai-key")
_ERRORS: Final = "platform.openai.com, Error codes: decided before the model is run"
REFUSALS: Final[Refusals] = dict.fromkeys(
    (
        (400, "invalid_request_error"),
        (401, "invalid_api_key"),
        (401, "invalid_request_error"),
        (403, "invalid_request_error"),
        (403, "insufficient_permissions"),
        (403, "model_not_found"),
        (403, "unsupported_country_region_territory"),
        (404, "model_not_found"),
        (404, "invalid_request_error"),
        (422, "invalid_request_error"),
        (429, "billing_hard_limit_reached"),
        (429, "billing_not_active"),
        (429, "insufficient_quota"),
        (429, "rate_limit_exceeded"),
    ),
    _ERRORS,
)
"""Questions that cost nothing, by `code` or `type`. `server_error` comes also in the middle of an answer."""
NO_CREDIT: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_MAY_BE_BILLED: Final = frozenset({"server_error", "rate_limit_exceeded"})
_UNFINISHED: Final = frozenset({"queued", "in_progress", "cancelled"})


class OpenAIModel:
    """Language models of OpenAI.

    Args:
        api_key: from platform.openai.com.
        base_url: with `/v1`; None leaves it to the SDK (OPENAI_BASE_URL, else the vendor's own).
        timeout_s: how long the vendor may be silent, in seconds.
    """

    name = "openai"

    def __init__(self, *, api_key: SecretStr | str, base_url: str | None = None, timeout_s: float = 180) -> None:
        """Keep the settings; the SDK is imported at the first question."""
        self._key = reveal(api_key, name="OPENAI_API_KEY")
        self._base_url = base_url
        self._timeout_s = timeout_s

    @cached_property
    def _client(self) -> "openai.OpenAI":
        import openai  # noqa: PLC0415  a second of import, for nothing when nothing is asked

        from dayreel.providers.sdk_client import client_settings  # noqa: PLC0415  brings httpx2

        return openai.OpenAI(**client_settings(key=self._key, base_url=self._base_url, timeout_s=self._timeout_s))

    def ask(self, permit: Permit, question: Question) -> Answer:
        """Ask once. See the contract for the errors.

        The SDK's `parse` is not used: it loses the usage of an answer that is cut or does not fit.
        """
        attempted = f"ask {question.model} at OpenAI for {question.schema_name} of {permit.key.content_id}"
        response = self._create(question, attempted)
        text, declined = _spoken(response)
        if response.usage is None:
            from dayreel.providers.sdk_errors import unreadable  # noqa: PLC0415  loaded by now

            raise unreadable(attempted, "no usage in it")
        return Answer(
            text=text,
            finish=_finish(response, declined),
            model=str(response.model),
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            request_id=response.id,
            refusal=_refusal(response, declined),
            thinking_tokens=_counted(response.usage.output_tokens_details, "reasoning_tokens"),
            cached_tokens=_counted(response.usage.input_tokens_details, "cached_tokens"),
            cache_write_tokens=_counted(response.usage.input_tokens_details, "cache_write_tokens"),
        )

    def _create(self, question: Question, attempted: str) -> "Response":
        import openai  # noqa: PLC0415  loaded by now
        from openai.types.responses import Response  # noqa: PLC0415  the same

        from dayreel.providers.sdk_client import answer_timeout  # noqa: PLC0415  brings httpx2
        from dayreel.providers.sdk_errors import unanswered, unreadable  # noqa: PLC0415  the same

        try:
            # Typed as `object`: what an answer that is not JSON comes back as is not what the SDK's types say.
            response: object = self._client.responses.create(
                model=question.model,
                instructions=question.system,
                input=question.prompt,
                max_output_tokens=question.max_tokens,
                reasoning=openai.omit
                if question.effort is None
                else {"effort": cast("ReasoningEffort", question.effort)},
                temperature=openai.omit if question.temperature is None else question.temperature,
                text={
                    "format": {
                        "type": "json_schema",
                        "name": question.schema_name,
                        "schema": closed(question.schema),
                        "strict": True,
                    }
                },
                store=False,
                timeout=answer_timeout(self._timeout_s, question.max_tokens),
            )
        except openai.APIStatusError as error:
            raise self._refused(error, attempted) from None
        except openai.APIConnectionError as error:
            raise unanswered(error.__cause__, vendor="OpenAI", attempted=attempted) from None
        except (openai.OpenAIError, ValueError) as error:
            raise unreadable(attempted, type(error).__name__) from None
        if not isinstance(response, Response) or getattr(response, "output", None) is None:
            raise unreadable(attempted, "no response in it")
        self._raise_for_status(response, attempted)
        return response

    def _refused(self, error: "openai.APIStatusError", attempted: str) -> ProviderError:
        from dayreel.providers.sdk_errors import answered  # noqa: PLC0415  brings httpx2

        body = error.body if isinstance(error.body, dict) else {}
        broke = error.code in NO_CREDIT or error.type in NO_CREDIT
        return answered(
            error.status_code,
            f"{error.code or error.type or 'no code'}: {body.get('message') or error.message}",
            attempted=attempted,
            headers=error.response.headers,
            secrets=(self._key,),
            reference=error.request_id,
            code="out_of_credit" if broke else (error.code or error.type),
            next_step=BILLING if broke else _next_step(error),
            is_refused=any((error.status_code, str(word)) in REFUSALS for word in (error.code, error.type)),
            final=broke,
        )

    def _raise_for_status(self, response: "Response", attempted: str) -> None:
        """Type a response that came with HTTP 200 and still is none."""
        if response.status in _UNFINISHED:
            from dayreel.providers.sdk_errors import unreadable  # noqa: PLC0415  loaded by now

            raise unreadable(attempted, f"status {response.status}")
        if response.status != "failed":
            return
        code = str(response.error.code) if response.error else "failed"
        words = response.error.message if response.error else "no reason given"
        kind = UnknownOutcomeError if code in _MAY_BE_BILLED else PermanentError
        raise kind(
            attempted=attempted,
            answer=f"status failed, {code}: {readable(words, secrets=(self._key,))}",
            reference=response.id,
            code=code,
            next_step="" if kind is UnknownOutcomeError else NEXT_STEPS[400],
        )


def _next_step(error: "openai.APIStatusError") -> str:
    # The same status and code as for a model that nobody has; only the sentence says what it is.
    return _VERIFY if "must be verified" in str(error.message) else NEXT_STEPS.get(error.status_code, "")


def connect(access: Access) -> OpenAIModel:
    """Return OpenAI as the world of `access` has it."""
    return OpenAIModel(api_key=access.secret("OPENAI_API_KEY"), base_url=access.url(BASE_URL, "/openai/v1"))


def _finish(response: "Response", declined: str) -> Finish:
    reason = _why_incomplete(response)
    if declined or reason == "content_filter":
        return "refused"
    if response.status == "completed":
        return "complete"
    return "cut" if reason == "max_output_tokens" else "unfinished"


def _why_incomplete(response: "Response") -> str | None:
    return response.incomplete_details.reason if response.incomplete_details else None


def _refusal(response: "Response", declined: str) -> str | None:
    if declined:
        return readable(declined)
    return "The vendor's content filter stopped the answer." if _why_incomplete(response) == "content_filter" else None


def _counted(details: object, name: str) -> int:
    """Return a part of the usage; 0 where the answer has none, whatever the SDK's types promise."""
    return getattr(details, name, None) or 0


def _spoken(response: "Response") -> tuple[str, str]:
    """Return the text and the refusal, each empty when there is none."""
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    text = "".join(part.text for part in parts if part.type == "output_text")
    return text, " ".join(part.refusal for part in parts if part.type == "refusal")


def prove(access: Access, models: Sequence[str]) -> Proof:
    """Ask for each model; without any, for the list."""
    key = reveal(access.secret("OPENAI_API_KEY"), name="OPENAI_API_KEY")
    base = access.url(BASE_URL, "/openai/v1") + "/models"

    def refused(reply: Reply) -> ProviderError:
        message = str(part_of(reply, "error").get("message") or reply.words)
        return reply.error(message, next_step=NEXT_STEPS.get(reply.status, ""), code=str(reply.status))

    return prove_models(
        Http("OpenAI", headers={"Authorization": f"Bearer {key}"}, secrets=(key,)), base, models, refused
    )


NO_CREDIT_YET: Final = Proof("", "without credit every question is refused, and no free question shows it", BILLING)
VENDOR: Final = Vendor(
    name="openai",
    label="OpenAI",
    family="llm",
    about="GPT, through the OpenAI SDK.",
    connect=connect,
    settings=(
        KEY,
        *openai_bill.SETTINGS,
    ),
    bill=openai_bill.BILL,
    can=("ideas", "prompts", "structured answers with their usage"),
    prove=prove,
    first_day=(
        NO_CREDIT_YET,
        Proof("", "some models are for verified organisations alone, and the list of models does not show it", _VERIFY),
    ),
    order=2,
    refusals=frozenset(map(str, NEXT_STEPS)),
    stand_in="dayreel.sandbox.openai:mount",
)
