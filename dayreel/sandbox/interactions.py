"""People in the chats of the sandbox world: they press a button, or send the form that was opened for them.

Each press becomes the signed request that the vendor would send; how, is the stand-in's (`world.ChatDelivery`). It is
delivered when an address on this machine is given, and the answer is then held to what the vendor takes; otherwise it
is only returned, for tests that bend it.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from dayreel.errors import UsageError
from dayreel.sandbox.world import ChatDelivery, Document, SandboxWorld

DEADLINE_S: Final = 3.0
_WISHES: Final = {"service", "message", "button", "form", "caption", "user", "name", "to", "at"}
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


async def press(world: SandboxWorld, wish: Document) -> Document:
    """Press a button or send a form.

    Args:
        wish: `service`; `message` (left out, the newest) and `button` (approve, reject, edit), or `form` and `caption`;
            `user` and `name` of the person; `to`, the address; `at`, Unix seconds instead of the world's time.

    Raises:
        UsageError: there is no such message, button or form.
    """
    chats = {name: service.chat for name, service in world.services.items() if service.chat is not None}
    chat = chats.get(str(wish.get("service")))
    if chat is None or set(wish) - _WISHES:
        raise UsageError(f"A press has {', '.join(sorted(_WISHES))}; services are {', '.join(chats)}.")
    payload = chat.payload(world, {"user": "U0ANA", "name": "ana", **wish})
    body, headers = chat.signed(payload, str(int(wish.get("at") or world.now().timestamp())))
    request: Document = {"headers": headers, "body": body}
    return {**request, **await _deliver(chat, str(wish["to"]), request)} if wish.get("to") else request


def pressed_button(
    world: SandboxWorld, wish: Document, id_field: str, buttons_of: Callable[[Document], list[Document]]
) -> tuple[Document, Document]:
    """Return the message and the button that a press is about.

    Args:
        id_field: where a button has what it means, in words.
        buttons_of: returns the buttons of a message.

    Raises:
        UsageError: there is no such message or button.
    """
    sent = [message for message in world.store.all("message") if message["service"] == wish["service"]]
    meant = [message for message in sent if wish.get("message") in (None, message.get("id"), message.get("ts"))]
    if not meant:
        raise UsageError(f"There is no message {wish.get('message')!r}.")
    for button in buttons_of(meant[-1]):
        if str(wish.get("button")) in str(button.get(id_field)).replace("_", " ").split():
            return meant[-1], button
    raise UsageError(f"Message {wish.get('message')!r} has no button {wish.get('button')!r}.")


async def _deliver(chat: ChatDelivery, address: str, request: Document) -> Document:
    if urlsplit(address).hostname not in _LOOPBACK:
        raise UsageError("The sandbox world delivers to this machine only.")
    import httpx  # noqa: PLC0415  a quarter of what a world's start takes, for presses alone

    try:
        async with httpx.AsyncClient(timeout=DEADLINE_S, trust_env=False) as client:
            answer = await client.post(address, content=request["body"].encode(), headers=request["headers"])
    except httpx.HTTPError as error:
        return {"status": 0, "answer": None, "problem": f"no answer within three seconds ({type(error).__name__})"}
    try:
        answer_body = answer.json() if answer.content else None
    except ValueError:
        answer_body = answer.text
    problem = "" if answer.status_code != httpx.codes.OK else chat.problem(answer_body)
    return {"status": answer.status_code, "answer": answer_body, "problem": problem}
