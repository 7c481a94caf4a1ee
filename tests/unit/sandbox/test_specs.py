"""What the stand-ins hold requests to is what the vendors' own packages say, as they are installed here.

`python -m tests.unit.sandbox.test_specs` writes the file again after a package was updated.
"""

import inspect
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import googleapiclient
from facebook_business.adobjects.iguser import IGUser

from dayreel.sandbox import shapes

METHODS = {
    "videos": ("insert", "update", "delete", "list", "batchGetStats"),
    "thumbnails": ("set",),
    "captions": ("insert", "list"),
    "channels": ("list",),
    "playlistItems": ("list", "insert"),
}
SCHEMAS = (
    *("Video", "VideoSnippet", "VideoStatus", "VideoRecordingDetails", "VideoLocalization"),
    *("PlaylistItem", "PlaylistItemSnippet", "ResourceId"),
)
ROOT = Path(str(googleapiclient.__file__)).parent / "discovery_cache" / "documents"


def read() -> dict[str, Any]:
    """Return the specifications of the installed packages, cut to what the stand-ins answer."""
    document = json.loads((ROOT / "youtube.v3.json").read_text(encoding="utf-8"))
    methods = {
        f"{resource}.{name}": _method(document["resources"][resource]["methods"][name])
        for resource, names in METHODS.items()
        for name in names
    }
    reports = json.loads((ROOT / "youtubeAnalytics.v2.json").read_text(encoding="utf-8"))["resources"]["reports"]
    methods["reports.query"] = _method(reports["methods"]["query"])
    schemas = {
        name: {field: _kind(schema) for field, schema in sorted(document["schemas"][name]["properties"].items())}
        for name in SCHEMAS
    }
    return {
        "youtube": {
            "source": "youtube.v3 and youtubeAnalytics.v2 of google-api-python-client "
            f"{version('google-api-python-client')}",
            "revision": document["revision"],
            "parameters": sorted(document["parameters"]),
            "methods": methods,
            "schemas": schemas,
        },
        "instagram": {
            "source": f"facebook-business {version('facebook-business')}",
            "container": _parameters(IGUser.create_media),
            "publish": _parameters(IGUser.create_media_publish),
            "account": sorted(value for name, value in vars(IGUser.Field).items() if not name.startswith("_")),
        },
    }


def _method(method: dict[str, Any]) -> dict[str, Any]:
    scopes = sorted(scope.rsplit("/", 1)[-1] for scope in method["scopes"])
    spec: dict[str, Any] = {"parameters": sorted(method["parameters"]), "scopes": scopes}
    if media := method.get("mediaUpload"):
        spec |= {"accept": media["accept"], "max_size": int(media["maxSize"])}
    return spec


def _kind(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return schema["$ref"] if schema["$ref"] in SCHEMAS else "object"
    return schema["enum"] if "enum" in schema else schema["type"]


def _parameters(function: Any) -> dict[str, str]:
    """Return parameters and types of a method of Meta's generated SDK, which has them in its body alone."""
    table = re.search(r"param_types = \{(.*?)\}", inspect.getsource(function), re.DOTALL)
    assert table is not None
    return dict(re.findall(r"'(\w+)': '([^']+)'", table[1]))


def test_the_specifications_are_those_of_the_installed_packages() -> None:
    assert read() == shapes.SPECS, "a package has changed: run python -m tests.unit.sandbox.test_specs"


if __name__ == "__main__":
    lists = re.sub(r"\[[^]]*]", lambda words: json.dumps(json.loads(words[0])), json.dumps(read(), indent=1))
    shapes.SPECS_FILE.write_text(lists + "\n", encoding="utf-8")
