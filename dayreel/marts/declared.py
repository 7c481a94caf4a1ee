"""The marts as their files declare them. Data: neither DuckDB, pandas nor pyarrow is imported to list them.

A file begins with a comment in YAML: the marts it makes and what a partition of each covers, grain, key, checks,
what it reads. Its columns are the lines of the query that end like `views as views_7d,  -- int: views at 7 days`.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import cast, get_args

import yaml

from dayreel.schemas.mart import Column, ColumnKind, Mart
from dayreel.schemas.metric import METRICS

_SQL = Path(__file__).parent / "sql"
_COLUMN = re.compile(rf"(\w+),? +-- ({'|'.join(get_args(ColumnKind))}): (.+)$", re.MULTILINE)


def marts_of(path: Path) -> Iterator[Mart]:
    """Yield the marts that a file declares."""
    header, _, sql = path.read_text(encoding="utf-8").removeprefix("/*\n").partition("*/\n")
    declared = yaml.safe_load(header)
    columns = tuple(
        Column(name, cast("ColumnKind", kind), _described(text)) for name, kind, text in _COLUMN.findall(sql)
    )
    reads = {name: (where,) if isinstance(where, str) else tuple(where) for name, where in declared["reads"].items()}
    uses = tuple(declared.get("uses", ()))
    code = "".join((json.dumps(reads, sort_keys=True), sql, *map(shared_sql, ("macros", *uses))))
    for name, every in declared["marts"].items():
        yield Mart(
            name=name, every=every, grain=declared["grain"], key=tuple(declared["key"]), columns=columns,
            checks=declared["checks"], least_rows=declared.get("least_rows", 0), reads=reads,
            after=tuple(declared.get("after", ())), given=tuple(declared.get("given", ())), uses=uses, sql=sql,
            code_version=hashlib.sha256(code.encode()).hexdigest()[:12],
        )  # fmt: skip


def _described(text: str) -> str:
    """Return a description with `{metric}` as the metric's own (`schemas.metric`)."""
    return re.sub(r"\{(\w+)\}", lambda named: METRICS[named[1]].about if named[1] in METRICS else named[0], text)


@cache
def shared_sql(name: str) -> str:
    """Return a query that several marts select from."""
    return (_SQL / "shared" / f"{name}.sql").read_text(encoding="utf-8")


MARTS: Mapping[str, Mart] = {mart.name: mart for path in sorted(_SQL.glob("*.sql")) for mart in marts_of(path)}
