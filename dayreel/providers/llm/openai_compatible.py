"""A server that speaks OpenAI's Chat Completions: Ollama, vLLM, LM Studio, llama.cpp, OpenRouter, Gemini's endpoint.

One structured answer per call, over plain HTTP: OpenAI's SDK would send what stands in OPENAI_ORG_ID and the like, and
facts about this machine, to a server that is not OpenAI's. Here goes out what is asked, and this server's key where it
has one. Such servers agree on little: what differs by model is its row in `models.yaml`, what differs by server is read
as any of them writes it. Facts, read in stored copies on 2026-12-01: docs.ollama.com, OpenAI compatibility;
docs.vllm.ai, reasoning and structured outputs; openrouter.ai, Errors. Second-hand: Gemini's endpoint counts thoughts in
`total_tokens` alone.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from dayreel.errors import ConfigurationError, ProviderError
from dayreel.providers.http import Http, Reply, readable, reveal
from dayreel.providers.llm.contract import Answer, Finish, Question, closed, most_tokens
from dayreel.providers.proofs import part_of
from dayreel.rules.answers import document_in, longest_silence
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.models import TextModel
from dayreel.vendors.record import Proof, Setting, Vendor

_LABEL: Final = "the OpenAI-compatible server"
_URL: Final = "OPENAI_COMPATIBLE_URL"
_KEY: Final = "OPENAI_COMPATIBLE_API_KEY"
_MOUNTED_AT: Final = "/openai_compatible/v1"
_SHOWN: Final = 10
_LEAST_S: Final = 300.0
"""Seconds; a server at home loads the model first, which takes minutes from a slow disk."""
_FINISH: Final[Mapping[str, Finish]] = {
    **dict.fromkeys(("", "stop", "eos", "eos_token", "end_turn", "stop_sequence"), "complete"),
    **dict.fromkeys(("length", "max_tokens", "model_length"), "cut"),
    **dict.fromkeys(("content_filter", "safety", "recitation", "refusal"), "refused"),
}
"""Any other is `unfinished`. None at all is read as an end: the document itself shows whether it is whole."""
_NEARLY_ALL: Final = 0.9
"""An answer that is cut before this part of its budget has met the end of the model's context."""
NEXT_STEPS: Final[Mapping[str, str]] = {
    "400": "Check the model and the prompt templates of this channel. Where the server takes no `response_format`, say "
    "`structured_output: json_object` or `none` in the model's row.",
    "401": f"Check {_KEY}.",
    "402": "Add credit at the service behind the address, or choose a model that costs nothing there.",
    "403": f"Let {_KEY} use the model, or choose another `model` in the channel file.",
    "404": f"Choose a `model` in the channel file that the server has, and check {_URL}.",
    "413": "Shorten the prompt template.",
    "422": "Check the model and the prompt templates of this channel.",
    "429": "It is tried again later.",
    "503": "The server is loading the model, or has no room: it is tried again later.",
    "context_full": "Shorten the prompt template, let the server read more (Ollama: OLLAMA_CONTEXT_LENGTH; vLLM: "
    "--max-model-len), or say in the model's row how much it writes at the most (`max_output_tokens`).",
}
"""HTTP status, or what the words mean, to what a person can do."""
_NOT_FOUND: Final = 404
_REFUSING: Final = frozenset({400, 401, 402, 403, _NOT_FOUND, 413, 422, 429, 503})
"""Statuses with which these servers say, in an `error` of their own, that nothing was begun; a page proves nothing."""
_CONTEXT_WORDS: Final = ("context length", "context size", "context window", "context_length", "exceed_context")


class OpenAICompatibleModel:
    """The models of one server.

    Args:
        base_url: with what comes before `/chat/completions`, mostly `/v1`; an address without a path gets that.
        api_key: for a server that wants one.
        models: what is known of its models.
    """

    name = "openai_compatible"

    def __init__(self, *, base_url: str, api_key: str | None, models: ModelList) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: the address is not one, or the key has characters that no header can carry.
        """
        self._base = _address(base_url)
        self._key = reveal(api_key, name=_KEY) if api_key else ""
        self._models = models

    def ask(self, permit: Permit, question: Question) -> Answer:
        """Ask once. See the contract for the errors."""
        facts = self._models.text(self.name, question.model)
        reply = self._http(max(_LEAST_S, longest_silence(question.max_tokens, facts).total_seconds())).send(
            "POST",
            f"{self._base}/chat/completions",
            attempted=f"ask {question.model} at {_LABEL} for {question.schema_name} of {permit.key.content_id}",
            has_side_effects=True,
            json=_request(question, facts),
        )
        choice = _choice(reply) if reply.ok else None
        if choice is None:
            raise _refused(reply, question.model)
        return _read(reply, choice, question)

    def model_names(self) -> list[str]:
        """Return the models that the server lists.

        Raises:
            ProviderError: it could not be asked, or lists none.
        """
        reply = self._http(60).send(
            "GET", f"{self._base}/models", attempted=f"list the models of {_LABEL}", has_side_effects=False
        )
        rows = reply.json() if reply.ok else None
        rows = rows.get("data") if isinstance(rows, dict) else None
        if not isinstance(rows, list):
            raise _refused(reply, "")
        return [str(row.get("id")) for row in rows if isinstance(row, dict)]

    def _http(self, wait_s: float) -> Http:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        step = f"Start the server, or correct the address in {_URL}."
        return Http(_LABEL, headers=headers, secrets=(self._key,), read_s=wait_s, total_s=wait_s, unreached=step)


def _address(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ConfigurationError(
            f"{_URL} is not an address.",
            next_step="Write it like http://127.0.0.1:11434/v1, without /chat/completions.",
        )
    return parts.geturl().rstrip("/") + ("" if parts.path.strip("/") else "/v1")


def _request(question: Question, facts: TextModel) -> dict[str, Any]:
    form, system = facts.structured_output, question.system
    if form != "json_schema":
        schema = json.dumps(question.schema, ensure_ascii=False)
        system += f"\n\nAnswer with one JSON document that follows this JSON Schema, and nothing else:\n{schema}"
    formats: dict[str, dict[str, Any]] = {
        "json_schema": {
            "type": "json_schema",
            "json_schema": {"name": question.schema_name, "schema": closed(question.schema), "strict": True},
        },
        "json_object": {"type": "json_object"},
    }
    return {
        "model": question.model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": question.prompt}],
        "max_tokens": question.max_tokens,
        **({"response_format": formats[form]} if form in formats else {}),
        **({} if question.temperature is None else {"temperature": question.temperature}),
        **({"reasoning_effort": question.effort} if question.effort else {}),
    }


def _choice(reply: Reply) -> dict[str, Any] | None:
    body = reply.json()
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) and isinstance(first.get("message"), dict) else None


def _read(reply: Reply, choice: dict[str, Any], question: Question) -> Answer:
    body, message = reply.document(), choice["message"]
    finish = _FINISH.get(str(choice.get("finish_reason") or "").lower(), "unfinished")
    usage, (asked, written), beside = part_of(reply, "usage"), most_tokens(question), 0
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    is_counted = all(isinstance(count, int) and count >= 0 for count in counts)
    if is_counted:
        asked, written = usage["prompt_tokens"], usage["completion_tokens"]
        beside = max(0, _number(usage, "total_tokens") - asked - written)  # thoughts, at Gemini's endpoint
        if finish == "cut" and written + beside < _NEARLY_ALL * question.max_tokens:
            finish = "no_room"
    declined = readable(str(message["refusal"])) if message.get("refusal") else None
    if finish == "refused" and declined is None:
        declined = f"The server's filter stopped the answer ({choice.get('finish_reason')})."
    return Answer(
        text=document_in(_text(message.get("content"))),
        finish="refused" if declined else finish,
        model=str(body.get("model") or question.model),
        input_tokens=asked,
        output_tokens=written + beside,
        request_id=str(body["id"]) if body.get("id") else None,
        refusal=declined,
        thinking_tokens=_number(usage.get("completion_tokens_details"), "reasoning_tokens") or beside,
        cached_tokens=min(asked, _number(usage.get("prompt_tokens_details"), "cached_tokens")),
        usage_reported=is_counted,
    )


def _number(counts: object, name: str) -> int:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


def _text(content: object) -> str:
    """Return what was written; thoughts stand in a field of their own, which has a different name at each server."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _refused(reply: Reply, model: str) -> ProviderError:
    """Return the error of an answer without a choice: in the server's own words nothing was done, otherwise who knows.

    OpenRouter answers 200 and an error once the model has begun, so a status of 200 never proves that nothing was.
    """
    words = _own_words(reply)
    is_refused = words is not None and reply.status in _REFUSING
    shown = words if words is not None else reply.words
    code = "context_full" if any(part in shown.lower() for part in _CONTEXT_WORDS) else str(reply.status)
    step = NEXT_STEPS.get(code, "")
    if reply.status == _NOT_FOUND and "pull" in shown:
        step = f"`ollama pull {model}` on that server, or choose a `model` in the channel file that it has."
    return reply.error(shown, is_refused=is_refused, next_step=step, code=code)


def _own_words(reply: Reply) -> str | None:
    """Return what the server says in an `error` of its own, in the shapes of Ollama, OpenRouter, LM Studio and vLLM."""
    body = reply.json()
    if not isinstance(body, dict):
        return None
    error = body if body.get("object") == "error" else body.get("error")
    if isinstance(error, dict):
        return str(error["message"]) if error.get("message") else None
    return error if isinstance(error, str) and error else None


def connect(access: Access) -> OpenAICompatibleModel:
    """Return the server of this world; in the live one OPENAI_COMPATIBLE_URL has to be set."""
    return OpenAICompatibleModel(
        base_url=access.url("", _MOUNTED_AT) or access.secret(_URL),
        api_key=access.variable(_KEY),
        models=ModelList(access.root),
    )


def prove(access: Access, models: Sequence[str]) -> Proof:
    """List the server's models. A service may list them without a look at the key."""
    listed = connect(access).model_names()
    names = {short for name in listed for short in (name, name.removesuffix(":latest"), name.removeprefix("models/"))}
    missing = [model for model in models if model not in names]
    answer = f"the server answers, and lists {len(listed)} models"
    if not missing:
        return Proof("; ".join([answer, *models]))
    return Proof(
        answer,
        f"no such model: {', '.join(missing)}",
        f"On Ollama: `ollama pull {missing[0]}`. Or choose another in the channel file; it has "
        f"{', '.join(sorted(listed)[:_SHOWN]) or 'none'}.",
    )


VENDOR: Final = Vendor(
    name="openai_compatible",
    label="OpenAI-compatible server",
    family="llm",
    about="Any model on a server that speaks OpenAI's Chat Completions: Ollama, vLLM, LM Studio, OpenRouter.",
    connect=connect,
    settings=(
        Setting(
            _URL, "address of a server that speaks OpenAI's protocol, like http://127.0.0.1:11434/v1", secret=False
        ),
        Setting(_KEY, "key of that server, where it wants one; OPENAI_API_KEY is never sent there", required=False),
    ),
    can=("ideas", "prompts", "structured answers"),
    prove=prove,
    first_day=(
        Proof(
            "",
            "on a small graphics card Ollama reads 4,096 tokens, and what is beyond them it leaves out without a word",
            "Start it with OLLAMA_CONTEXT_LENGTH=32768, or as much as the card holds.",
        ),
    ),
    order=4,
    refusals=frozenset(NEXT_STEPS),
    stand_in="dayreel.sandbox.openai_compatible:mount",
)
