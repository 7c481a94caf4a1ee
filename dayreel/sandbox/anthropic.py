"""Stand-in for the Anthropic Messages API: key, models, thinking, structured output, usage, stop reasons, error shape.

Models think as they do for a new account: by default, and within `max_tokens`. Protocol facts: SDK 2.11.
"""

import json
from datetime import date
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import bills, credentials, writer
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.streams import anthropic_events, streamed
from dayreel.sandbox.thinking import thinking_tokens
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
_ENDED_ON: Final = {"claude-sonnet-4-5": date(2026, 11, 30)}
_DEFAULT_EFFORT: Final = {"claude-haiku-5-5": "medium"}
"""Of the models that think; the others begin at `high`."""
_ALWAYS_THINKING: Final = frozenset({"claude-opus-5-5"})
_WITHOUT_EFFORT: Final = frozenset({"claude-haiku-4-5", "claude-sonnet-4-5"})
_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_LEAST_BUDGET: Final = 1024
_MOST_TOKENS: Final = 128_000
_CONTEXT_TOKENS: Final = 1_000_000
_FIELDS: Final = frozenset(
    {
        *("model", "max_tokens", "messages", "cache_control", "container", "diagnostics", "inference_geo", "metadata"),
        *("output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "thinking", "tool_choice"),
        *("tools", "temperature", "top_p", "top_k"),
    }
)
_SAMPLING: Final = ("temperature", "top_p", "top_k")
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
SPECIAL_FAULTS: Final = dict.fromkeys(("cut", "off_schema", "pause", "refusal", "window"), ("messages",))
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
            ("GET", "/anthropic/v1/organizations/cost_report", "cost_report"): bills.cost_report("anthropic", error),
            ("GET", "/anthropic/v1/models/{model}", "models"): read_model,
        },
        special_faults=SPECIAL_FAULTS,
        pace={"anthropic_thinking_seed": 0},
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
    names = sorted(name for name in MODELS if not _has_ended(call, name))
    return JSONResponse({"data": [_model(name) for name in names], "has_more": False})


async def read_model(call: Call) -> Response:
    """Answer `GET /v1/models/{model}`."""
    _check_key(call)
    name = call.request.path_params["model"]
    if name not in MODELS or _has_ended(call, name):
        raise Refused(error(404, f"model: {name}"))
    return JSONResponse(_model(name))


def _has_ended(call: Call, name: str) -> bool:
    return name in _ENDED_ON and call.world.now().date() > _ENDED_ON[name]


def _model(name: str) -> Document:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "deprecated" if name in _ENDED_ON else "active",
        "retires_at": f"{_ENDED_ON[name]}T00:00:00Z" if name in _ENDED_ON else None,
        "max_input_tokens": _CONTEXT_TOKENS,
        "max_tokens": _MOST_TOKENS,
    }


async def messages(call: Call) -> Response:
    """Answer `POST /v1/messages`."""
    request = await _checked(call)
    prompt = _prompt_text(request)
    number = call.world.new_digest("anthropic")
    schema = ((request.get("output_config") or {}).get("format") or {}).get("schema")
    block, text = _answer(request, schema, prompt)
    if call.has("off_schema"):
        text = json.dumps({"note": "this is not what was asked for"})
    thought = _thought(call, request, prompt)
    room, stop = request["max_tokens"], "tool_use" if block else "end_turn"
    if call.has("cut"):
        text, stop = text[: len(text) // 2], "max_tokens"
    elif thought + tokens(text) > room:
        thought, stop = min(thought, room), "max_tokens"
        text = text[: 4 * (room - thought)]
    elif call.has("pause") or call.has("window"):
        stop = "pause_turn" if call.has("pause") else "model_context_window_exceeded"
        text = text[: len(text) // 2]
    written = tokens(text) if text else 0
    content: list[Document] = [{"type": "text", "text": text}] if text else []
    if block:
        content = [block]
    if thought:
        # These models show nothing of it unless asked for a summary.
        content.insert(0, {"type": "thinking", "thinking": "", "signature": "sandbox"})
    details: Document | None = None
    if call.has("refusal"):
        content, stop, details = [], "refusal", {"type": "refusal", "category": "general_harms", "explanation": None}
        thought, written = 0, 1
    counted = (tokens(json.dumps(request)), thought + written)
    prices = PRICES_USD_PER_MTOK.get(request["model"], _UNPRICED)
    call.world.bill_tokens("anthropic", f"msg_{number[:24]}", request["model"], prompt, counted, prices)
    message: Document = {
        "id": f"msg_{number[:24]}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": details,
        "usage": {
            "input_tokens": counted[0],
            "output_tokens": counted[1],
            "output_tokens_details": {"thinking_tokens": thought},
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }
    headers = {"request-id": f"req_{number[24:44]}"}
    return JSONResponse(message, headers=headers)


def _effort(request: Document) -> str | None:
    """Return how hard a request's model thinks, by its default or as it was asked; None when it does not."""
    model = request["model"]
    asked = (request.get("output_config") or {}).get("effort")
    kind = (request.get("thinking") or {}).get("type")
    if kind in ("disabled", "between_tools") or (kind is None and not _thinks_by_default(model)):
        return None
    return str(asked or _DEFAULT_EFFORT.get(model, "high"))


def _thinks_by_default(model: str) -> bool:
    return model.split("-")[2] == "5"  # claude-sonnet-5-5, and its older sisters claude-sonnet-5


def _thought(call: Call, request: Document, prompt: str) -> int:
    effort = _effort(request)
    if effort is None:
        return 0
    thought = thinking_tokens(effort, prompt, seed=call.world.pace("anthropic_thinking_seed"))
    return min(thought, (request.get("thinking") or {}).get("budget_tokens") or thought)


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
    unknown = sorted(set(body) - _FIELDS)
    if unknown:
        raise Refused(error(400, f"{unknown[0]}: Extra inputs are not permitted"))
    if body["model"] not in MODELS or _has_ended(call, body["model"]):
        raise Refused(error(404, f"model: {body['model']}"))
    if not 1 <= body["max_tokens"] <= _MOST_TOKENS:
        raise Refused(error(400, f"max_tokens: {body['max_tokens']} is not between 1 and {_MOST_TOKENS}"))
    _check_messages(body["messages"])
    asked = tokens(json.dumps(body))
    if asked > _CONTEXT_TOKENS:
        raise Refused(error(400, f"prompt is too long: {asked} tokens > {_CONTEXT_TOKENS} maximum"))
    _check_output(body.get("output_config") or {})
    _check_effort(body)
    _check_thinking(body)
    _check_company(body)
    return body


def _check_effort(body: Document) -> None:
    model, effort = body["model"], (body.get("output_config") or {}).get("effort")
    if effort is not None and model in _WITHOUT_EFFORT:
        raise Refused(error(400, "This model does not support the effort parameter."))
    if effort is not None and effort not in _EFFORTS:
        allowed = ", ".join(f"'{word}'" for word in _EFFORTS)
        raise Refused(error(400, f"output_config.effort: Input should be {allowed}"))


def _check_thinking(body: Document) -> None:
    thinking = body.get("thinking") or {}
    kind = thinking.get("type")
    if thinking and kind not in ("adaptive", "between_tools", "disabled", "enabled"):
        raise Refused(error(400, "thinking.type: Input should be 'adaptive', 'between_tools', 'disabled' or 'enabled'"))
    if kind in ("disabled", "between_tools") and body["model"] in _ALWAYS_THINKING:
        raise Refused(error(400, f"thinking.type: '{kind}' is not supported for this model."))
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < _LEAST_BUDGET:
            least = f"Input should be greater than or equal to {_LEAST_BUDGET}"
            raise Refused(error(400, f"thinking.enabled.budget_tokens: {least}"))
        if budget >= body["max_tokens"]:
            raise Refused(error(400, "`max_tokens` must be greater than `thinking.budget_tokens`."))


def _check_company(body: Document) -> None:
    """Refuse what does not go with thinking: forced tools and sampling."""
    thinks = _effort(body) is not None
    if thinks and (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise Refused(error(400, "Thinking may not be enabled when tool_choice forces tool use."))
    for name in _SAMPLING:
        if name in body and _thinks_by_default(body["model"]):
            raise Refused(error(400, f"{name}: Extra inputs are not permitted"))
        if name in body and thinks and (name != "temperature" or body[name] != 1):
            raise Refused(error(400, "`temperature` may only be set to 1 when thinking is enabled."))


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
