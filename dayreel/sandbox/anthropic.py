"""Stand-in for the Anthropic Messages API: key, models, structured output, usage, stop reasons, error shape."""

import json
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import bills, credentials, writer
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.streams import anthropic_events, streamed
from dayreel.sandbox.wire import Call, Refused, routes, tokens
from dayreel.sandbox.world import Document, SandboxWorld

PRICES_USD_PER_MTOK: Final[dict[str, tuple[Decimal, Decimal]]] = {
    "claude-haiku-5-5": (Decimal("0.10"), Decimal("0.50")),
    "claude-sonnet-5-5": (Decimal(2), Decimal(10)),
    "claude-opus-5-5": (Decimal(4), Decimal(20)),
    "claude-opus-5": (Decimal(5), Decimal(25)),
    "claude-fable-5-1": (Decimal(10), Decimal(50)),
}
"""Input and output price by model, from the vendor's model pages."""

MODELS: Final = frozenset(
    {
        *PRICES_USD_PER_MTOK,
        *("claude-fable-5-2", "claude-mythos-5-2", "claude-mythos-5-1", "claude-sonnet-5", "claude-fable-5"),
        *("claude-mythos-5", "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-sonnet-4-6"),
        *("claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-5"),
    }
)
_THINKING: Final = frozenset({"claude-opus-5-5"})
_UNPRICED: Final = (Decimal(3), Decimal(15))
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STRING_LIMITS: Final = ("minLength", "maxLength")
_NUMBER_LIMITS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
SPECIAL_FAULTS: Final = dict.fromkeys(("cut", "off_schema", "refusal"), ("messages",))
"""Kinds of faults that the handlers here show, and on which routes."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/anthropic`."""
    return routes(
        world,
        "anthropic",
        _fault_answer,
        {
            ("POST", "/anthropic/v1/messages", "messages"): streamed(messages, anthropic_events),
            ("GET", "/anthropic/v1/models", "models"): list_models,
            ("GET", "/anthropic/v1/organizations/cost_report", "cost_report"): bills.cost_report("anthropic"),
            ("GET", "/anthropic/v1/models/{model}", "models"): read_model,
        },
        special_faults=SPECIAL_FAULTS,
    )


def error(status: int, message: str, *, type_: str | None = None) -> JSONResponse:
    """Return an error in the vendor's shape."""
    kind = type_ or _TYPES.get(status, "api_error")
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sandbox"}
    return JSONResponse(body, status, headers={"request-id": "req_sandbox"})


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return error(401, "invalid bearer token")
    if fault.kind == "quota":
        return error(429, "This request would exceed your organization's rate limit.")
    status = fault.status or 500
    return error(status, f"Armed in the sandbox world: {status}.", type_=str(fault.code) if fault.code else None)


async def list_models(call: Call) -> Response:
    """Answer `GET /v1/models`: what this key may use."""
    _check_key(call)
    return JSONResponse({"data": [_model(name) for name in sorted(MODELS)], "has_more": False})


async def read_model(call: Call) -> Response:
    """Answer `GET /v1/models/{model}`."""
    _check_key(call)
    name = call.request.path_params["model"]
    if name not in MODELS:
        raise Refused(error(404, f"model: {name}"))
    return JSONResponse(_model(name))


def _model(name: str) -> Document:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}


async def messages(call: Call) -> Response:
    """Answer `POST /v1/messages`."""
    request = await _checked(call)
    prompt = _prompt_text(request)
    number = call.world.new_digest("anthropic")
    schema = ((request.get("output_config") or {}).get("format") or {}).get("schema")
    block, text = _answer(request, schema, prompt)
    if call.has("off_schema"):
        text = json.dumps({"note": "this is not what was asked for"})
    tokens_in, tokens_out = tokens(json.dumps(request)), tokens(text)
    stop = "tool_use" if block else "end_turn"
    if call.has("cut"):
        tokens_out, text, stop = max(1, tokens_out // 2), text[: len(text) // 2], "max_tokens"
    elif tokens_out > request["max_tokens"]:
        tokens_out, stop = request["max_tokens"], "max_tokens"
        text = text[: 4 * tokens_out]
    content: list[Document] = [block] if block else [{"type": "text", "text": text}]
    if request["model"] in _THINKING:
        content.insert(0, {"type": "thinking", "thinking": "A quiet craft, then.", "signature": "sandbox"})
    details: Document | None = None
    if call.has("refusal"):
        content, stop, details = [], "refusal", {"type": "refusal", "category": "general_harms", "explanation": None}
        tokens_out = 1
    prices = PRICES_USD_PER_MTOK.get(request["model"], _UNPRICED)
    call.world.bill_tokens("anthropic", f"msg_{number[:24]}", request["model"], prompt, (tokens_in, tokens_out), prices)
    return JSONResponse(
        {
            "id": f"msg_{number[:24]}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "stop_details": details,
            "usage": {
                "input_tokens": tokens_in,
                "output_tokens": tokens_out,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "service_tier": "standard",
            },
        },
        headers={"request-id": f"req_{number[24:44]}"},
    )


def _answer(request: Document, schema: Document | None, prompt: str) -> tuple[Document | None, str]:
    """Return a tool_use block, or None and the text of the answer; the text counts as output either way."""
    choice = request.get("tool_choice") or {}
    if choice.get("type") == "tool":
        tool = next((tool for tool in request.get("tools", []) if tool.get("name") == choice.get("name")), None)
        if tool is None:
            raise Refused(error(400, f"tool_choice.name: no tool named {choice.get('name')!r}"))
        made = writer.write(tool.get("input_schema") or {"type": "object"}, prompt)
        block = {"type": "tool_use", "id": "toolu_sandbox", "name": tool["name"], "input": made}
        return block, json.dumps(made)
    return None, writer.text_of(schema, prompt) if schema else writer.write_plain(prompt)


def _check_key(call: Call) -> None:
    if credentials.ANTHROPIC_API_KEY not in (call.bearer(), call.request.headers.get("x-api-key")):
        raise Refused(error(401, "invalid x-api-key"))
    if not call.request.headers.get("anthropic-version"):
        raise Refused(error(400, "anthropic-version: header is required"))


async def _checked(call: Call) -> Document:
    """Return the request when the real API would take it.

    Raises:
        Refused: with the vendor's error.
    """
    _check_key(call)
    body = await call.json()
    if body is None:
        raise Refused(error(400, "The request body is not valid JSON."))
    _check_types(body)
    if body["model"] not in MODELS:
        raise Refused(error(404, f"model: {body['model']}"))
    if not 1 <= body["max_tokens"] <= 128_000:  # noqa: PLR2004
        raise Refused(error(400, f"max_tokens: {body['max_tokens']} is not between 1 and 128000"))
    for name in ("temperature", "top_p", "top_k"):
        if name in body:
            raise Refused(error(400, f"{name}: Extra inputs are not permitted"))
    _check_messages(body["messages"])
    _check_output(body.get("output_config") or {})
    return body


def _check_types(body: Document) -> None:
    for name, kind in (("model", str), ("max_tokens", int), ("messages", list)):
        if name not in body:
            raise Refused(error(400, f"{name}: Field required"))
        if not isinstance(body[name], kind):
            raise Refused(error(400, f"{name}: Input should be a valid {kind.__name__}"))


def _check_messages(given: list[Any]) -> None:
    if not given:
        raise Refused(error(400, "messages: at least one message is required"))
    for index, message in enumerate(given):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise Refused(error(400, f"messages.{index}.role: Input should be 'user' or 'assistant'"))
        if not message.get("content"):
            raise Refused(error(400, f"messages.{index}: user messages must have non-empty content"))
    if given[-1]["role"] != "user":
        raise Refused(error(400, "This model does not support assistant message prefill."))


def _check_output(config: Document) -> None:
    unknown = set(config) - {"format", "effort", "task_budget"}
    if unknown:
        raise Refused(error(400, f"output_config.{min(unknown)}: Extra inputs are not permitted"))
    form = config.get("format")
    if form is None:
        return
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise Refused(error(400, "output_config.format: Input should have type 'json_schema' and a schema"))
    check_schema(form["schema"])


def check_schema(schema: Document) -> None:
    """Refuse what the real structured output refuses: open objects and limits it cannot hold.

    Raises:
        Refused: with a 400 that names the place.
    """
    for path, part in writer.parts_of(schema):
        _check_limits(part, ".".join(("output_config.format.schema", *path)))


def _check_limits(schema: Document, where: str) -> None:
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise Refused(error(400, f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false"))
    for kind, names in (("string", _STRING_LIMITS), ("number", _NUMBER_LIMITS), ("integer", _NUMBER_LIMITS)):
        held = [name for name in names if name in schema]
        if schema.get("type") == kind and held:
            raise Refused(error(400, f"{where}: For '{kind}' type, property '{held[0]}' is not supported"))
    if schema.get("type") == "array":
        if schema.get("minItems", 0) not in (0, 1):
            raise Refused(
                error(400, f"{where}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
            )
        if "maxItems" in schema:
            raise Refused(error(400, f"{where}: For 'array' type, property 'maxItems' is not supported"))


def _prompt_text(request: Document) -> str:
    """Return all text of the request, in order."""
    contents = [request.get("system") or "", *(message["content"] for message in request["messages"])]
    return "\n".join(map(writer.words_in, contents))
