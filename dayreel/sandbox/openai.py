"""Stand-in for the OpenAI API: Responses with reasoning, strict structured output, usage, errors.

Models reason as they do for a new account: by default, and within `max_output_tokens`. Protocol facts: SDK 3.52.
"""

import json
from decimal import Decimal
from typing import Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import bills, credentials, writer
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.streams import openai_events, streamed
from dayreel.sandbox.thinking import LEAST_TOKENS, thinking_tokens
from dayreel.sandbox.wire import Call, Refused, routes, tokens
from dayreel.sandbox.world import Document, SandboxWorld

PRICES_USD_PER_MTOK: Final[dict[str, tuple[Decimal, Decimal]]] = {
    "gpt-6-luna": (Decimal("0.10"), Decimal("0.50")),
    "gpt-6-sol": (Decimal("1.25"), Decimal(10)),
}
"""Input and output price by model; third-party figures, the vendor publishes others."""

_UNPRICED: Final = (Decimal(1), Decimal(4))
_FAMILIES: Final = ("gpt-4.1", "gpt-5", "gpt-6")
_REFUSAL: Final = "I'm sorry, but I can't help with that."
_CUT_AT: Final = 2
_LEAST_OUTPUT: Final = 16
_MOST_OUTPUT: Final = 128_000
_DEFAULT_EFFORT: Final = "medium"
_FIELDS: Final = frozenset(
    {
        *("background", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens"),
        *("max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier"),
        *("service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools"),
        *("top_logprobs", "top_p", "truncation", "user"),
    }
)
_SAMPLING: Final = ("temperature", "top_p", "top_logprobs")
SPECIAL_FAULTS: Final = dict.fromkeys(("content_filter", "cut", "off_schema", "refusal"), ("responses",))
"""Kinds of faults that the handlers here show, and on which routes."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/openai/v1`."""
    return routes(
        world,
        "openai",
        fault_answer,
        {
            ("POST", "/openai/v1/responses", "responses"): streamed(responses, openai_events),
            ("GET", "/openai/v1/models", "models"): list_models,
            ("GET", "/openai/v1/organization/costs", "costs"): bills.costs("openai", error),
            ("GET", "/openai/v1/models/{model}", "models"): read_model,
        },
        special_faults=SPECIAL_FAULTS,
        pace={"openai_thinking_seed": 0},
    )


def error(
    status: int, message: str, *, code: str | None = None, param: str | None = None, type_: str | None = None
) -> JSONResponse:
    """Return an error in the vendor's shape."""
    kind = type_ or ("invalid_request_error" if status < 500 else "server_error")  # noqa: PLR2004
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status, headers={"x-request-id": "req_sandbox"})


def fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return error(401, "Incorrect API key provided.", code="invalid_api_key")
    if fault.kind == "quota":
        message = "You exceeded your current quota, please check your plan and billing details."
        return error(429, message, code="insufficient_quota", type_="insufficient_quota")
    status = fault.status or 500
    typical = {429: "rate_limit_exceeded"}.get(status)
    return error(status, f"Armed in the sandbox world: {status}.", code=str(fault.code) if fault.code else typical)


async def list_models(call: Call) -> Response:
    """Answer `GET /v1/models`: here one of each family."""
    _check_key(call)
    return JSONResponse({"object": "list", "data": [_described(name) for name in _FAMILIES]})


async def read_model(call: Call) -> Response:
    """Answer `GET /v1/models/{model}`."""
    _check_key(call)
    name = call.request.path_params["model"]
    _check_model(name)
    return JSONResponse(_described(name))


def _described(name: str) -> Document:
    return {"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "openai"}


def _check_key(call: Call) -> None:
    if call.bearer() != credentials.OPENAI_API_KEY:
        raise Refused(error(401, "Incorrect API key provided.", code="invalid_api_key"))


def _check_model(name: str) -> None:
    if not name.startswith(_FAMILIES):
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise Refused(error(404, message, code="model_not_found"))


async def responses(call: Call) -> Response:
    """Answer `POST /v1/responses`."""
    request = await _checked(call)
    form = (request.get("text") or {}).get("format") or {}
    prompt = "\n".join([str(request.get("instructions") or ""), writer.words_in(request["input"])])
    effort = _effort(request)
    thought = thinking_tokens(effort, prompt, seed=call.world.pace("openai_thinking_seed")) if effort else 0
    room = request.get("max_output_tokens") or _MOST_OUTPUT
    thought = min(thought, room)
    text, why_cut = _written(call, form, prompt, room - thought)
    id_ = f"resp_{call.world.new_digest('openai')[:48]}"
    tokens_in, tokens_out = tokens(json.dumps(request)), thought + (tokens(text) if text else 0)
    prices = PRICES_USD_PER_MTOK.get(request["model"], _UNPRICED)
    call.world.bill_tokens("openai", id_, request["model"], prompt, (tokens_in, tokens_out), prices)
    part: Document = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if call.has("refusal"):
        part = {"type": "refusal", "refusal": _REFUSAL}
    state = "incomplete" if why_cut else "completed"
    message = {"type": "message", "id": f"msg_{id_[5:37]}", "status": state, "role": "assistant", "content": [part]}
    response = {
        "id": id_,
        "object": "response",
        "created_at": int(call.world.now().timestamp()),
        "status": state,
        "error": None,
        "incomplete_details": {"reason": why_cut} if why_cut else None,
        "instructions": request.get("instructions"),
        "metadata": {},
        "model": request["model"],
        "output": [
            *([{"type": "reasoning", "id": f"rs_{id_[5:37]}", "summary": []}] if thought else []),
            *([message] if text else []),
        ],
        "parallel_tool_calls": True,
        "reasoning": {"effort": effort, "summary": None},
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "text": {"format": form or {"type": "text"}},
        "usage": {
            "input_tokens": tokens_in,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": tokens_out,
            "output_tokens_details": {"reasoning_tokens": thought},
            "total_tokens": tokens_in + tokens_out,
        },
    }
    headers = {"x-request-id": f"req_{id_[5:25]}"}
    return JSONResponse(response, headers=headers)


def _effort(request: Document) -> str | None:
    """Return how hard a request's model reasons; None for a model that never does."""
    if not _reasons(str(request["model"])):
        return None
    return str((request.get("reasoning") or {}).get("effort") or _DEFAULT_EFFORT)


def _reasons(model: str) -> bool:
    return not model.startswith("gpt-4")


def _written(call: Call, form: Document, prompt: str, room: int) -> tuple[str, str | None]:
    """Return the text, as far as it gets within `room` tokens, and why it was cut, or None."""
    schema = None
    if form.get("type") == "json_schema":
        schema = form.get("schema")
        if not isinstance(schema, dict) or not form.get("name"):
            raise Refused(
                error(400, "Missing required parameter: 'name' or 'schema'.", code="missing_required_parameter")
            )
        if form.get("strict"):
            check_strict(schema, form["name"])
    if call.has("refusal"):
        return _REFUSAL, None
    if call.has("off_schema"):
        return json.dumps({"note": "this is not what was asked for"}), None
    text = writer.text_of(schema, prompt) if schema else writer.write_plain(prompt)
    if call.has("cut"):
        return text[: len(text) // _CUT_AT], "max_output_tokens"
    if call.has("content_filter"):
        return text[: len(text) // _CUT_AT], "content_filter"
    if tokens(text) > room:
        return text[: 4 * room], "max_output_tokens"
    return text, None


async def _checked(call: Call) -> Document:
    """Return the request when the real API would take it.

    Raises:
        Refused: with the vendor's error.
    """
    _check_key(call)
    body = await call.json()
    if body is None:
        raise Refused(error(400, "We could not parse the JSON body of your request."))
    for name in ("model", "input"):
        if not body.get(name):
            message = f"Missing required parameter: '{name}'."
            raise Refused(error(400, message, code="missing_required_parameter", param=name))
    _check_model(str(body["model"]))
    _check_fields(body)
    return body


def _check_fields(body: Document) -> None:
    """Refuse what the real API refuses of parameters, budget, effort, and what goes with none."""
    unknown = sorted(set(body) - _FIELDS)
    if unknown:
        raise Refused(error(400, f"Unknown parameter: '{unknown[0]}'.", code="unknown_parameter", param=unknown[0]))
    room = body.get("max_output_tokens")
    if room is not None and not _LEAST_OUTPUT <= room <= _MOST_OUTPUT:
        is_low = room < _LEAST_OUTPUT
        bound = f">= {_LEAST_OUTPUT}" if is_low else f"<= {_MOST_OUTPUT}"
        code = "integer_below_min_value" if is_low else "integer_above_max_value"
        message = f"Invalid 'max_output_tokens': Expected a value {bound}, but got {room} instead."
        raise Refused(error(400, message, code=code, param="max_output_tokens"))
    effort = (body.get("reasoning") or {}).get("effort")
    if effort is not None and not _reasons(str(body["model"])):
        raise Refused(_unsupported("reasoning.effort"))
    if effort is not None and effort not in LEAST_TOKENS:
        message = f"Invalid value: '{effort}'. Supported values are: {', '.join(LEAST_TOKENS)}."
        raise Refused(error(400, message, code="invalid_value", param="reasoning.effort"))
    given = [name for name in _SAMPLING if name in body]
    if given and _effort(body) not in (None, "none"):
        raise Refused(_unsupported(given[0]))


def _unsupported(name: str) -> JSONResponse:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return error(400, message, code="unsupported_parameter", param=name)


def check_strict(schema: Document, name: str) -> None:
    """Refuse what strict mode refuses: open objects and properties that are not required.

    Raises:
        Refused: with a 400 `invalid_json_schema` that names the place.
    """
    for path, part in writer.parts_of(schema):
        missing = [key for key in part.get("properties") or {} if key not in (part.get("required") or [])]
        if part.get("type") != "object" and "properties" not in part:
            continue
        if part.get("additionalProperties") is not False:
            problem = "'additionalProperties' is required to be supplied and to be false."
        elif missing:
            problem = f"'required' must include every key in properties. Missing '{missing[0]}'."
        else:
            continue
        message = f"Invalid schema for response_format '{name}': In context={path}, {problem}"
        raise Refused(error(400, message, code="invalid_json_schema", param="text.format.schema"))
