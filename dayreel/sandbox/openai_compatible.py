"""Stand-in for a server that speaks OpenAI's Chat Completions, as Ollama and its like answer it.

It begins as Ollama after its installation: no model was pulled. Facts: docs.ollama.com, OpenAI compatibility; errors of
OpenRouter, llama.cpp and vLLM as their documents have them.
"""

import json
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import writer
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Refused, routes, tokens
from dayreel.sandbox.world import Document, SandboxWorld

BASE: Final = "/openai_compatible/v1"
_FREE: Final = (Decimal(0), Decimal(0))
_FORMS: Final = ("none", "json_object", "json_schema")
"""What `response_format` may ask for, the least first."""
_ROLES: Final = frozenset({"system", "user", "assistant"})
_THOUGHT: Final = 'I need a {"note": "draft"} first.'
SPECIAL_FAULTS: Final = dict.fromkeys(
    (
        *("cut", "off_schema", "refusal", "thinks_aloud", "fenced", "no_usage", "loading", "no_credit"),
        *("error_in_body", "context_full"),
    ),
    ("chat",),
)
"""Kinds of faults that the handlers here show, and on which routes."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/openai_compatible/v1`."""
    return routes(
        world,
        "openai_compatible",
        _fault_answer,
        {("POST", f"{BASE}/chat/completions", "chat"): chat, ("GET", f"{BASE}/models", "models"): list_models},
        special_faults=SPECIAL_FAULTS,
        # Which models were pulled (`*` is any), what `response_format` takes, and the key that is wanted.
        pace={
            "openai_compatible_models": "*",
            "openai_compatible_structured_output": "json_schema",
            "openai_compatible_key": "",
        },
    )


def _error(status: int, message: str, *, kind: str = "api_error", code: Any = None) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


def _fault_answer(_route: str, fault: Fault) -> Response:
    status = fault.status or {"expired_token": 401, "quota": 429}.get(fault.kind, 500)
    return _error(status, "Armed in the sandbox world.", code=fault.code)


def _check_key(call: Call) -> None:
    wanted = call.world.pace("openai_compatible_key")
    if wanted and call.bearer() != wanted:
        raise Refused(_error(401, "No auth credentials found", code=401))


async def list_models(call: Call) -> Response:
    """Answer `GET /v1/models`."""
    _check_key(call)
    names = str(call.world.pace("openai_compatible_models")).split()
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "library"} for name in names if name != "*"]
    return JSONResponse({"object": "list", "data": rows})


async def chat(call: Call) -> Response:
    """Answer `POST /v1/chat/completions`."""
    request = await _checked(call)
    prompt = writer.words_in(request["messages"])
    text, reason = _written(call, request, prompt)
    id_ = f"chatcmpl-{call.world.new_digest('openai_compatible')[:8]}"
    counted = (tokens(prompt), tokens(text) if text else 0)
    call.world.bill_tokens("openai_compatible", id_, request["model"], prompt, counted, _FREE)
    if call.has("error_in_body"):
        return JSONResponse({"error": {"code": 502, "message": "Provider returned error"}, "user_id": "user_1"})
    usage = {"prompt_tokens": counted[0], "completion_tokens": counted[1], "total_tokens": sum(counted)}
    message = {"role": "assistant", "content": text, "reasoning": "A pot, perhaps." if text else ""}
    return JSONResponse(
        {
            "id": id_,
            "object": "chat.completion",
            "created": int(call.world.now().timestamp()),
            "model": request["model"],
            "system_fingerprint": "fp_ollama",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            **({} if call.has("no_usage") else {"usage": usage}),
        }
    )


def _written(call: Call, request: Document, prompt: str) -> tuple[str, str]:
    """Return the text, as far as it gets, and the finish reason."""
    if call.has("refusal"):
        return "", "content_filter"
    if call.has("off_schema"):
        return json.dumps({"note": "this is not what was asked for"}), "stop"
    schema = _schema(request)
    text = writer.text_of(schema, prompt) if schema else writer.write_plain(prompt)
    if call.has("thinks_aloud"):
        text = f"<think>{_THOUGHT}</think>\n\n{text}"
    if call.has("fenced"):
        text = f"Here it is:\n```json\n{text}\n```\nShall I change {{anything}}?"
    if call.has("cut"):
        return text[: len(text) // 2], "length"
    room = request.get("max_tokens")
    return (text[: 4 * room], "length") if room and tokens(text) > room else (text, "stop")


def _schema(request: Document) -> Document | None:
    """Return the schema of an answer: that of `response_format`, else the one that stands in the prompt."""
    form = request.get("response_format") or {}
    if form.get("type") == "json_schema":
        return dict(form["json_schema"]["schema"])
    system = str(request["messages"][0].get("content") or "")
    _, before, schema = system.rpartition("JSON Schema, and nothing else:\n")
    return dict(json.loads(schema)) if before else None


async def _checked(call: Call) -> Document:
    """Return the request when such a server would take it.

    Raises:
        Refused: with an error in the shape of one of them.
    """
    _check_key(call)
    body = await call.json()
    if body is None or not body.get("model"):
        raise Refused(_error(400, "model is required", kind="invalid_request_error"))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or {str(row.get("role")) for row in messages} - _ROLES:
        raise Refused(_error(400, "[] is too short - 'messages'", kind="invalid_request_error"))
    _check_form(call, body.get("response_format") or {})
    name, pulled = str(body["model"]), str(call.world.pace("openai_compatible_models")).split()
    if "*" not in pulled and name not in {*pulled, *(row.removesuffix(":latest") for row in pulled)}:
        raise Refused(_error(404, f'model "{name}" not found, try pulling it first'))
    if call.has("loading"):
        raise Refused(_error(503, "Loading model", kind="unavailable_error", code=503))
    if call.has("no_credit"):
        raise Refused(_error(402, "Insufficient credits. Add more using https://openrouter.ai/credits", code=402))
    if call.has("context_full"):
        message = "This model's maximum context length is 8192 tokens. However, you requested 20000 tokens."
        raise Refused(
            JSONResponse({"object": "error", "message": message, "type": "BadRequestError", "code": 400}, 400)
        )
    return body


def _check_form(call: Call, form: Document) -> None:
    asked, takes = str(form.get("type") or "none"), str(call.world.pace("openai_compatible_structured_output"))
    if asked not in _FORMS or _FORMS.index(asked) > _FORMS.index(takes):
        message = (
            f"'response_format.type' must be one of {', '.join(_FORMS[1:]) or 'nothing'}: {asked} is not supported"
        )
        raise Refused(_error(400, message, kind="invalid_request_error"))
    if asked == "json_schema" and not (form.get("json_schema") or {}).get("schema"):
        raise Refused(_error(400, "response_format.json_schema.schema is required", kind="invalid_request_error"))
