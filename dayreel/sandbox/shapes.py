"""Whether a JSON object has the fields that a vendor's specification knows, each of its type.

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
_TYPES: Final[dict[str, type]] = {"string": str, "integer": int, "boolean": bool, "array": list}


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
        is_word = isinstance(kind, list)
        if value not in kind if is_word else type(value) is not _TYPES.get(kind, dict):
            return f"Invalid value at '{where}.{name}': {json.dumps(value)}"
        if not is_word and kind in schemas and (problem := schema_problem(value, schemas, kind, f"{where}.{name}")):
            return problem
    return None
