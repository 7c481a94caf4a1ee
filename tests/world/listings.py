"""What a vendor's list may show of an act whose answer was lost, and whose own handle leads nowhere any more.

Used by the odd answers: the acting request is answered by a proxy's page, the vendor forgets container, session or
publish id, and only its list of requests or posts is left to look at.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from dayreel.providers.platforms import instagram, tiktok_metrics, youtube
from dayreel.providers.video import fal
from dayreel.sandbox.world import Document, SandboxWorld
from tests.fakes.sandbox import RunningSandbox

LISTINGS = ("at once", "late", "twice", "never", "fails", "cut")
FOUND = frozenset({"at once", "late", "fails"})
"""What dayreel has to find by itself, sooner or later; the others are a person's."""
LISTED_ROUTES = ("fal/submit", "instagram/publish", "tiktok/upload", "youtube/upload")
_LATE_S = 600.0
_NEVER_S = 1e9
_LISTS = {
    "fal": (fal, "_PAGE_SIZE"),
    "instagram": (instagram, "_PAGE_SIZE"),
    "tiktok": (tiktok_metrics, "VIDEOS_PER_CALL"),
    "youtube": (youtube, "_BATCH"),
}
_HANDLES = {"instagram": "instagram_container", "tiktok": "tiktok_publish", "youtube": "youtube_session"}


@contextmanager
def read_so_far(service: str, listing: str) -> Iterator[None]:
    """Let a list that is cut end after one page of two items."""
    with ExitStack() as stack:
        if listing == "cut":
            module, size = _LISTS[service]
            stack.enter_context(mock.patch.object(module, size, 2))
            stack.enter_context(mock.patch.object(module, "_PAGES", 1))
        yield


def arrange(sandbox: RunningSandbox, service: str, listing: str) -> None:
    """Let a vendor forget what handle it gave, and list what it did in one of the ways of `LISTINGS`."""
    sandbox.clear_faults()
    sandbox.ask(lambda world: _arrange(world, service, listing))
    if listing == "late":
        sandbox.pace(**{f"{service}_listing_s": _LATE_S})
    elif listing == "never":
        sandbox.pace(**{f"{service}_listing_s": _NEVER_S})
    elif listing == "fails":
        sandbox.arm(service, "requests" if service == "fal" else "list", "error", times=10**6, status=500)


def _arrange(world: SandboxWorld, service: str, listing: str) -> None:
    if service in _HANDLES:
        world.posts(service)  # what was accepted and is due goes live before its handle is forgotten
        world.store.delete(_HANDLES[service])
    copies = {"twice": 1, "cut": 3}.get(listing, 0)
    for number in range(copies):
        if service == "fal":
            _request_again(world, number, is_alike=listing == "twice")
        else:
            _post_again(world, service, number, is_alike=listing == "twice")


def _request_again(world: SandboxWorld, number: int, *, is_alike: bool) -> None:
    """Let a proxy have passed the lost request on twice, or somebody else request something."""
    for request in world.store.all("fal_request"):
        id_ = f"{request['id'][:-2]}-{number}"
        arguments = request["arguments"] if is_alike else {**request["arguments"], "prompt": f"Another {number}."}
        world.store.put("fal_request", id_, {**request, "id": id_, "arguments": arguments})


def _post_again(world: SandboxWorld, platform: str, number: int, *, is_alike: bool) -> None:
    for post in world.posts(platform):
        if post.get("is_planted"):
            continue
        text = post["caption"] if is_alike else f"Another {number}."
        facts: Document = {
            name: value for name, value in post.items() if name not in ("platform", "id", "path", "live")
        }
        facts |= {"caption": text, "is_planted": True, "created_at": world.now().isoformat()}
        if "snippet" in facts:
            facts["snippet"] = {**facts["snippet"], "description": text}
        id_ = f"{post['id'][:-1]}{number}x" if platform == "youtube" else f"{int(post['id']) + number + 1}"
        world.go_live(platform=platform, id_=id_, path=f"{post['path']}{number}", **facts)
