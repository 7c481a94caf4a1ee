"""Stand-in for the Gemini API: key, models, thinking, response schema, usage, filters, error shape.

It begins as a project without billing: some models have a free quota, others one of 0. Protocol facts: google-genai
3.6.1; ai.google.dev, "API errors".
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import credentials, writer
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.thinking import LEAST_TOKENS, thinking_tokens
from dayreel.sandbox.wire import Call, Refused, routes, tokens
from dayreel.sandbox.world import Document, SandboxWorld

BASE: Final = "/gemini/v1"
PRICES_USD_PER_MTOK: Final[dict[str, tuple[Decimal, Decimal]]] = {
    "gemini-3.8-flash": (Decimal("1.50"), Decimal("7.50")),
    "gemini-3.5-flash-lite": (Decimal("0.30"), Decimal("2.50")),
    "gemini-3.1-pro-preview": (Decimal(2), Decimal(12)),
}
"""Input and output price by model; third parties' figures."""
_LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "gemini-3.8-flash": ("medium", "low", "high"),
    "gemini-3.5-flash-lite": ("minimal", "low", "medium", "high"),
    "gemini-3.1-pro-preview": ("high", "low", "medium"),
}
"""Thinking levels by model, the default first. A budget is what models before the third generation take."""
_WITHOUT_FREE_QUOTA: Final = frozenset({"gemini-3.1-pro-preview"})
_MOST_TOKENS: Final = 65_536
_FIELDS: Final = frozenset(
    {
        *("contents", "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig"),
        *("cachedContent", "labels", "serviceTier", "continuationToken", "store"),
    }
)
_CONFIG: Final = frozenset(
    {
        *("temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "responseLogprobs"),
        *("logprobs", "presencePenalty", "frequencyPenalty", "seed", "responseMimeType", "responseSchema"),
        *("responseJsonSchema", "responseModalities", "mediaResolution", "speechConfig", "thinkingConfig"),
        *("imageConfig", "enableEnhancedCivicAnswers", "audioTranscriptionConfig"),
    }
)
_KEYWORDS: Final = frozenset(
    {
        *("$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems"),
        *("minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties"),
        *("required", "propertyOrdering"),
    }
)
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_DOMAIN: Final = "generativelanguage.googleapis.com"
_FILTERS: Final = ("SAFETY", "RECITATION", "PROHIBITED_CONTENT")
SPECIAL_FAULTS: Final = dict.fromkeys(
    ("cut", "off_schema", "refusal", "blocked", "no_usage", "location", "api_disabled", "daily_quota"), ("generate",)
)
"""Kinds of faults that the handlers here show, and on which routes. A `refusal` has the finish reason of its `code`."""


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/gemini/v1`."""
    return routes(
        world,
        "gemini",
        fault_answer,
        {
            ("POST", f"{BASE}/models/{{model}}:generateContent", "generate"): generate_content,
            ("GET", f"{BASE}/models", "models"): list_models,
            ("GET", f"{BASE}/models/{{model}}", "models"): read_model,
        },
        special_faults=SPECIAL_FAULTS,
        pace={"gemini_billing": True, "gemini_thinking_seed": 0},
    )


def error(status: int, message: str, *details: Document, name: str = "") -> JSONResponse:
    """Return an error in Google's shape; `@type` of a detail is the last part of its name."""
    rows = [{**row, "@type": f"type.googleapis.com/google.rpc.{row['@type']}"} for row in details]
    body = {"code": status, "message": message, "status": name or _STATUSES.get(status, "UNKNOWN")}
    return JSONResponse({"error": body | ({"details": rows} if rows else {})}, status)


def fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    if fault.kind == "expired_token":
        return _invalid_key()
    if fault.kind == "quota":
        return _quota("GenerateRequestsPerMinutePerProjectPerModel", "10", wait="28.5s")
    return error(fault.status or 500, "Armed in the sandbox world.", name=str(fault.code or ""))


def _invalid_key() -> JSONResponse:
    reason = {"@type": "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return error(400, "API key not valid. Please pass a valid API key.", reason)


def _quota(quota_id: str, value: str, *, wait: str) -> JSONResponse:
    violation = {"quotaMetric": f"{_DOMAIN}/generate_content_free_tier_requests", "quotaId": quota_id}
    return error(
        429,
        "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: "
        f"{_DOMAIN}/generate_content_free_tier_requests, limit: {value}\nPlease retry in {wait}.",
        {"@type": "QuotaFailure", "violations": [{**violation, "quotaValue": value}]},
        {"@type": "RetryInfo", "retryDelay": wait},
    )


def check_key(call: Call) -> None:
    """Refuse a request without a key that Google knows.

    Raises:
        Refused: with 400 `API_KEY_INVALID`, or 403 where there is none.
    """
    key = call.request.headers.get("x-goog-api-key")
    if not key:
        message = "Method doesn't allow unregistered callers (callers without established identity)."
        raise Refused(error(403, message))
    if key != credentials.GEMINI_API_KEY:
        raise Refused(_invalid_key())


async def list_models(call: Call) -> Response:
    """Answer `GET /models`."""
    check_key(call)
    return JSONResponse({"models": [_described(name) for name in PRICES_USD_PER_MTOK]})


async def read_model(call: Call) -> Response:
    """Answer `GET /models/{model}`."""
    check_key(call)
    return JSONResponse(_described(_model(call)))


def _described(name: str) -> Document:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": _MOST_TOKENS,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    }


def _model(call: Call) -> str:
    name = str(call.request.path_params["model"])
    if name not in PRICES_USD_PER_MTOK:
        raise Refused(error(404, f"models/{name} is not found for API version v1, or is not supported."))
    return name


async def generate_content(call: Call) -> Response:
    """Answer `POST /models/{model}:generateContent`."""
    request, model = await _checked(call), _model(call)
    _check_project(call, model)
    config = request.get("generationConfig") or {}
    prompt = "\n".join(writer.words_in(_parts(request.get(name))) for name in ("systemInstruction", "contents"))
    tokens_in = tokens(json.dumps(request))
    id_ = call.world.new_digest("gemini")[:24]
    if call.has("blocked"):
        return JSONResponse(_response(call, id_, model, [], (tokens_in, 0, 0), block="PROHIBITED_CONTENT"))
    level = _level(config.get("thinkingConfig") or {}) or _LEVELS[model][0]
    room = config.get("maxOutputTokens") or _MOST_TOKENS
    thought = min(thinking_tokens(level, prompt, seed=call.world.pace("gemini_thinking_seed")), room)
    text, reason = _written(call, config, prompt, room - thought)
    written = tokens(text) if text else 0
    call.world.bill_tokens("gemini", id_, model, prompt, (tokens_in, thought + written), PRICES_USD_PER_MTOK[model])
    content = {"role": "model", **({"parts": [{"text": text}]} if text else {})}
    candidate = {"content": content, "finishReason": reason, "index": 0}
    return JSONResponse(_response(call, id_, model, [candidate], (tokens_in, written, thought)))


def _response(
    call: Call, id_: str, model: str, candidates: list[Document], counted: tuple[int, int, int], *, block: str = ""
) -> Document:
    asked, written, thought = counted
    usage = {
        "promptTokenCount": asked,
        **({"candidatesTokenCount": written} if written else {}),
        **({"thoughtsTokenCount": thought} if thought else {}),
        "totalTokenCount": asked + written + thought,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
    }
    return {
        **({"candidates": candidates} if candidates else {}),
        **({"promptFeedback": {"blockReason": block}} if block else {}),
        **({} if call.has("no_usage") else {"usageMetadata": usage}),
        "modelVersion": model,
        "responseId": id_,
    }


def _parts(content: Any) -> Any:
    """Return the contents with what is said in them where `writer.words_in` looks for it."""
    rows = content if isinstance(content, list) else [content or {}]
    return [row.get("parts") or [] for row in rows]


def _written(call: Call, config: Document, prompt: str, room: int) -> tuple[str, str]:
    """Return the text, as far as it gets within `room` tokens, and the finish reason."""
    schema = config.get("responseJsonSchema")
    if call.has("refusal"):
        assert call.fault is not None  # noqa: S101  it has that kind
        return "", str(call.fault.code or _FILTERS[0])
    if call.has("off_schema"):
        return json.dumps({"note": "this is not what was asked for"}), "STOP"
    text = writer.text_of(schema, prompt) if schema else writer.write_plain(prompt)
    if call.has("cut"):
        return text[: len(text) // 2], "MAX_TOKENS"
    return (text, "STOP") if tokens(text) <= room else (text[: 4 * room], "MAX_TOKENS")


def _check_project(call: Call, model: str) -> None:
    """Refuse what a project may not do: here free quotas, where the machine stands, and whether the API is enabled."""
    if call.has("location"):
        raise Refused(error(400, "User location is not supported for the API use.", name="FAILED_PRECONDITION"))
    if call.has("api_disabled"):
        reason = {"@type": "ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com"}
        raise Refused(
            error(403, "Generative Language API has not been used in project 1 before or it is disabled.", reason)
        )
    if call.has("daily_quota"):
        raise Refused(_quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20", wait="41s"))
    if model in _WITHOUT_FREE_QUOTA and not call.world.pace("gemini_billing"):
        raise Refused(_quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "0", wait="41s"))


async def _checked(call: Call) -> Document:
    """Return the request when the real API would take it.

    Raises:
        Refused: with Google's error.
    """
    check_key(call)
    body = await call.json()
    if body is None or not body.get("contents"):
        raise Refused(error(400, "* GenerateContentRequest.contents: contents is not specified"))
    config = body.get("generationConfig") or {}
    unknown = sorted({*(set(body) - _FIELDS), *(set(config) - _CONFIG)})
    if unknown:
        raise Refused(error(400, f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.'))
    if not 1 <= config.get("maxOutputTokens", 1) <= _MOST_TOKENS:
        message = f"max_output_tokens must be between 1 and {_MOST_TOKENS + 1} (exclusive)."
        raise Refused(error(400, message))
    _check_thinking(config.get("thinkingConfig") or {}, _model(call))
    _check_schema(config)
    return body


def _level(thinking: Document) -> str:
    """Return the thinking level; Google reads both spellings of a field, and the SDK sends this one with a `_`."""
    return str(thinking.get("thinking_level") or thinking.get("thinkingLevel") or "").lower()


def _check_thinking(thinking: Document, model: str) -> None:
    level, budget = _level(thinking), thinking.get("thinking_budget", thinking.get("thinkingBudget"))
    if budget is not None and level:
        raise Refused(error(400, "You can only set only one of thinking budget and thinking level."))
    if budget == 0:
        raise Refused(error(400, "Budget 0 is invalid. This model only works in thinking mode."))
    if level and (level not in _LEVELS[model] or level not in LEAST_TOKENS):
        raise Refused(error(400, f"Thinking level {level.upper()} is not supported for this model."))


def _check_schema(config: Document) -> None:
    """Refuse a schema without its MIME type, with a keyword that is not supported, or with anything beside a `$ref`."""
    schema = config.get("responseJsonSchema")
    if schema is None:
        return
    if config.get("responseMimeType") != "application/json":
        raise Refused(error(400, "JSON mode is required for a response schema: set response_mime_type."))
    for path, part in writer.parts_of(schema):
        beside = [key for key in part if "$ref" in part and not key.startswith("$")]
        wrong = sorted(set(part) - _KEYWORDS) or beside
        if wrong:
            where = ".".join(("response_json_schema", *path))
            raise Refused(
                error(400, f"* GenerateContentRequest.generation_config.{where}: {wrong[0]} is not supported")
            )
