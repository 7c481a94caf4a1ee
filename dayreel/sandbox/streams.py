"""What the language models answer to `stream: true`: the same answer, cut into the vendor's server-sent events.

The answer itself is the vendor's own file; here are the events of Anthropic's Messages and OpenAI's Responses, as their
SDKs of November 2026 read them.
"""

import json
from collections.abc import Callable, Iterator
from typing import Final

from starlette.responses import Response

from dayreel.sandbox.wire import Call, Handler
from dayreel.sandbox.world import Document

Events = Callable[[Document], Iterator[Document]]
_PIECE: Final = 40
_OK: Final = 200


def streamed(handler: Handler, events: Events) -> Handler:
    """Return the handler that answers with events where they are asked for; a refusal is a plain answer, as outside."""

    async def answer(call: Call) -> Response:
        whole = await handler(call)
        if (await call.json() or {}).get("stream") is not True or whole.status_code != _OK:
            return whole
        lines = [
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(json.loads(bytes(whole.body)))
        ]
        kept = {name: value for name, value in whole.headers.items() if name.endswith("request-id")}
        return Response("".join(lines), headers=kept, media_type="text/event-stream")

    return answer


def anthropic_events(message: Document) -> Iterator[Document]:
    """Yield the events of a Message: each block begun, filled and ended, then how it stopped and what it used."""
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        empty, deltas = _block(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield from ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        yield {"type": "content_block_stop", "index": index}
    stopped = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    yield {"type": "message_delta", "delta": stopped, "usage": usage}
    yield {"type": "message_stop"}


def _block(block: Document) -> tuple[Document, list[Document]]:
    """Return a content block as it begins, and what fills it."""
    if block["type"] == "tool_use":
        made = _pieces(json.dumps(block["input"]))
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in made]
    if block["type"] == "thinking":
        thought: list[Document] = [
            {"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])
        ]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [*thought, signed]
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
    return block, []


def openai_events(response: Document) -> Iterator[Document]:
    """Yield the events of a Response, numbered: each item and part begun, filled and done, then the whole."""
    ended = "response.completed" if response["status"] == "completed" else f"response.{response['status']}"
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *(event for index, item in enumerate(response["output"]) for event in _item(index, item)),
        {"type": ended, "response": response},
    ]
    yield from ({**event, "sequence_number": number} for number, event in enumerate(events))


def _item(index: int, item: Document) -> Iterator[Document]:
    empty = {**item, "status": "in_progress", **({"content": []} if item["type"] == "message" else {})}
    yield {"type": "response.output_item.added", "output_index": index, "item": empty}
    for number, part in enumerate(item.get("content") or [] if item["type"] == "message" else []):
        name = "text" if part["type"] == "output_text" else "refusal"
        where = {"item_id": item["id"], "output_index": index, "content_index": number}
        kind = f"response.{part['type']}"
        more: Document = {"logprobs": []} if name == "text" else {}
        yield {"type": "response.content_part.added", **where, "part": {**part, name: ""}}
        yield from ({"type": f"{kind}.delta", **where, **more, "delta": piece} for piece in _pieces(part[name]))
        yield {"type": f"{kind}.done", **where, **more, name: part[name]}
        yield {"type": "response.content_part.done", **where, "part": part}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _pieces(text: str) -> list[str]:
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
