"""Whether a request has the fields a vendor knows, each of its type: what most vendors refuse first.

Where a vendor publishes a machine-readable specification (YouTube's discovery document, the parameters in Meta's
generated SDK), `specs.json` has the part that is answered here, as the installed packages say it
(tests/unit/sandbox/test_specs.py). Where there is none, the fields are a dated table in the vendor's own file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SPECS_FILE: Final = Path(__file__).with_name("specs.json")
SPECS: Final[dict[str, Any]] = json.loads(SPECS_FILE.read_text(encoding="utf-8"))
_WORDS: Final = {str: "a string", int: "an integer", bool: "a boolean", list: "a list", dict: "an object"}
_TYPES: Final[dict[str, type]] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def shape_problem(body: Mapping[str, Any], fields: Mapping[str, type], where: str = "") -> str | None:
    """Return the first unknown field or wrong type of a JSON object as a sentence, None where there is none.

    Args:
        fields: name to the JSON type; a boolean is never an integer.
        where: what stands before a field's name, such as `post_info.`.
    """
    for name, value in body.items():
        if name not in fields:
            return f"Unknown field {where}{name}"
        if type(value) is not fields[name]:
            return f"{where}{name} must be {_WORDS[fields[name]]}"
    return None


def schema_problem(body: Mapping[str, Any], schemas: Mapping[str, Any], schema: str, where: str) -> str | None:
    """Return what a JSON object has that its schema in a discovery document does not take, None where there is nothing.

    Args:
        schemas: of the vendor's specification: to a name its fields, each a type, a list of words, or another schema.
        where: the way to the object, such as `video`.
    """
    for name, value in body.items():
        kind = schemas[schema].get(name)
        if kind is None:
            return f"Unknown name \"{name}\" at '{where}': Cannot find field."
        if isinstance(kind, list):
            if value not in kind:
                return f"Invalid value at '{where}.{name}': \"{value}\""
        elif kind in schemas:
            problem = schema_problem(value, schemas, kind, f"{where}.{name}") if isinstance(value, dict) else "not one"
            if problem:
                return problem
        elif type(value) is not _TYPES[kind]:
            return f"Invalid value at '{where}.{name}' (it must be {_WORDS[_TYPES[kind]]})"
    return None
