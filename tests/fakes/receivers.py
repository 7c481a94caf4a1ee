"""What people run themselves and dayreel speaks to, as stand-ins for the contract kit: a webhook, a bucket."""

from pathlib import Path
from xml.sax.saxutils import escape

from starlette.responses import FileResponse, Response
from starlette.routing import Route

from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Handler, Place, Refused, routes
from dayreel.sandbox.world import SandboxWorld

BUCKET_KEY = "sandbox-bucket-key"


def webhook(world: SandboxWorld) -> list[Route]:
    """Return the one address of a receiver that takes whatever comes."""

    async def receive(call: Call) -> Response:
        message = await call.json() or {}
        world.store.put("message", str(message["marker"]), {"service": "webhook", **message})
        return Response(status_code=204)

    return routes(world, "webhook", _fault_answer, {("POST", "/hook/{key}", "hook"): receive})


def bucket(world: SandboxWorld) -> list[Route]:
    """Return an S3 store that looks at the key's id, not at signatures."""

    def object_of(call: Call) -> Path:
        signed = call.request.headers.get("authorization") or call.request.query_params.get("X-Amz-Credential", "")
        if f"{BUCKET_KEY}/" not in signed:
            raise Refused(_s3_error(403, "InvalidAccessKeyId"))
        return world.folder("files", "bucket") / str(call.request.path_params.get("key", "")).replace("/", "_")

    async def put(call: Call) -> Response:
        object_of(call).write_bytes(await call.request.body())
        return Response()

    async def get(call: Call) -> Response:
        path = object_of(call)
        return FileResponse(path) if path.is_file() else _s3_error(404, "NoSuchKey")

    async def delete(call: Call) -> Response:
        object_of(call).unlink(missing_ok=True)
        return Response(status_code=204)

    async def listing(call: Call) -> Response:
        object_of(call)
        return Response("<ListBucketResult/>", media_type="application/xml")

    key = "/s3/{bucket}/{key:path}"
    table: dict[Place, Handler] = {
        ("PUT", key, "put"): put,
        ("GET,HEAD", key, "get"): get,
        ("DELETE", key, "delete"): delete,
    }
    return routes(world, "bucket", _fault_answer, {("GET,HEAD", "/s3/{bucket}", "list"): listing, **table})


def _s3_error(status: int, code: str) -> Response:
    body = f"<Error><Code>{escape(code)}</Code><Message>no</Message></Error>"
    return Response(body, status, media_type="application/xml")


def _fault_answer(_route: str, fault: Fault) -> Response:
    return Response(status_code=fault.status or 500)
