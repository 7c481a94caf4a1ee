"""Stand-in for the OpenAI API: Responses with strict structured output, usage, errors."""

import json
from decimal import Decimal
from typing import Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import bills, credentials, writer
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.streams import openai_events, streamed
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
SPECIAL_FAULTS: Final = dict.fromkeys(("cut", "off_schema", "refusal"), ("responses",))
"""Kinds of faults that the handlers here show, and on which routes."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/openai/v1`."""
    return routes(
        world,
        "openai",
        _fault_answer,
        {
            ("POST", "/openai/v1/responses", "responses"): streamed(responses, openai_events),
            ("GET", "/openai/v1/models", "models"): list_models,
            ("GET", "/openai/v1/organization/costs", "costs"): bills.costs("openai"),
            ("GET", "/openai/v1/models/{model}", "models"): read_model,
        },
        special_faults=SPECIAL_FAULTS,
    )


def error(
    status: int, message: str, *, code: str | None = None, param: str | None = None, type_: str | None = None
) -> JSONResponse:
    """Return an error in the vendor's shape."""
    kind = type_ or ("invalid_request_error" if status < 500 else "server_error")  # noqa: PLR2004
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status, headers={"x-request-id": "req_sandbox"})


def _fault_answer(_route: str, fault: Fault) -> Response:
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
    text, is_cut = _written(call, form, prompt, request.get("max_output_tokens"))
    id_ = f"resp_{call.world.new_digest('openai')[:48]}"
    tokens_in, tokens_out = tokens(json.dumps(request)), tokens(text)
    prices = PRICES_USD_PER_MTOK.get(request["model"], _UNPRICED)
    call.world.bill_tokens("openai", id_, request["model"], prompt, (tokens_in, tokens_out), prices)
    refused = call.has("refusal")
    part: Document = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if refused:
        part = {"type": "refusal", "refusal": _REFUSAL}
    state = "incomplete" if is_cut else "completed"
    message = {"type": "message", "id": f"msg_{id_[5:37]}", "status": state, "role": "assistant", "content": [part]}
    return JSONResponse(
        {
            "id": id_,
            "object": "response",
            "created_at": int(call.world.now().timestamp()),
            "status": state,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "instructions": request.get("instructions"),
            "metadata": {},
            "model": request["model"],
            "output": [message],
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "text": {"format": form or {"type": "text"}},
            "usage": {
                "input_tokens": tokens_in,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": tokens_out,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": tokens_in + tokens_out,
            },
        },
        headers={"x-request-id": f"req_{id_[5:25]}"},
    )


def _written(call: Call, form: Document, prompt: str, limit: int | None) -> tuple[str, bool]:
    """Return the text and whether it was cut."""
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
        return _REFUSAL, False
    if call.has("off_schema"):
        return json.dumps({"note": "this is not what was asked for"}), False
    text = writer.text_of(schema, prompt) if schema else writer.write_plain(prompt)
    if call.has("cut"):
        return text[: len(text) // _CUT_AT], True
    if limit is not None and tokens(text) > limit:
        return text[: 4 * limit], True
    return text, False


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
    return body


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
