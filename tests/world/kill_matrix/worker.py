"""One worker: imports everything once, starts a sandbox world, and plays its seeds one after the other.

Its arguments are a folder of its own, the shared folder of media, a PostgreSQL URL or `-`, its seeds, and `hosts`
where each process is another host's. It prints one line of JSON for each.
"""

import importlib
import itertools
import json
import os
import shutil
import sys
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.days import ZONE

PROJECT = Path(__file__).parents[3]
# What children would otherwise import again and again.
WARM = (
    "anthropic",
    "av",
    "fal_client",
    "httpx",
    "httpx2",
    "openai",
    "openai.types.responses",
    "anthropic.types",
    "tenacity",
    "jinja2",
    "psutil",
    "dayreel.providers.llm.anthropic",
    "dayreel.providers.llm.openai",
    "dayreel.providers.sdk_errors",
    "dayreel.providers.platforms.instagram",
    "dayreel.providers.platforms.tiktok",
    "dayreel.providers.platforms.youtube",
    "dayreel.providers.video.fal",
    "dayreel.providers.video.fal_transport",
    "dayreel.sandbox.server",
    "dayreel.sandbox.credentials",
    "dayreel.stores.state",
)


def main(folder: Path, media_cache: Path, postgres: str, seeds: list[int], *, has_hosts: bool) -> None:
    """Play the seeds."""
    from tests.fakes.catalogs import share_compiled_statements
    from tests.world.kill_matrix.plan import plan_of
    from tests.world.kill_matrix.sandbox import WorldProcess
    from tests.world.kill_matrix.scenario import Stage

    for name in WARM:
        importlib.import_module(name)
    share_compiled_statements()  # children inherit what the rehearsal has compiled
    folder.mkdir(parents=True)
    template = make_deployment(folder / "template")
    catalogs = None if postgres == "-" else _catalogs(postgres, folder.name)
    with WorldProcess(folder / "world", media_cache) as world:
        stage = Stage(folder, world, template=template, media_cache=media_cache, catalogs=catalogs, has_hosts=has_hosts)
        checkpoints = len(stage.rehearse())
        _say({"checkpoints": checkpoints})
        for seed in seeds:
            _say(stage.play(plan_of(seed, checkpoints=checkpoints)).as_json())


def make_deployment(root: Path) -> Path:
    """Make a deployment with one channel of two short segments and an empty catalog, and return its folder."""
    from dayreel.settings import Settings
    from dayreel.stores.catalog.engine import open_catalog

    (root / "channels").mkdir(parents=True)
    shutil.copy(PROJECT / "workspace.yaml", root)
    if (PROJECT / "channels" / "templates").is_dir():
        shutil.copytree(PROJECT / "channels" / "templates", root / "channels" / "templates")
    channel = yaml.safe_load((PROJECT / "channels" / "asmr_crafts.yaml").read_text(encoding="utf-8"))
    channel |= {
        "active_from": "2020-01-01",
        "timezone": ZONE,
        "segments": {"count": 2, "duration_s": 2, "resolution": "720p"},
        "video": {"provider": "fal", "model": "fal-ai/wan/v2.7/text-to-video"},
    }
    (root / "channels" / "asmr_crafts.yaml").write_text(yaml.safe_dump(channel), encoding="utf-8")
    open_catalog(Settings(root=root, catalog_url=None).catalog).close()
    return root


def _catalogs(server: str, worker: str) -> Callable[[], str]:
    """Return a function that makes a fresh PostgreSQL catalog, by copying one that is at the newest schema."""
    from sqlalchemy import create_engine, make_url, text

    from dayreel.stores.catalog.engine import open_catalog

    url = make_url(server).set(drivername="postgresql+psycopg2").difference_update_query(["options"])
    series = f"{worker}_{uuid.uuid4().hex[:8]}"
    names = (f"{series}_{number}" for number in itertools.count())

    def run(*sentences: str) -> None:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for sentence in sentences:
                connection.execute(text(sentence))
        engine.dispose()

    def named(database: str) -> str:
        return url.set(database=database).render_as_string(hide_password=False)

    template = f"{series}_template"
    run(f"CREATE DATABASE {template}")
    open_catalog(named(template)).close()

    def fresh() -> str:
        name = next(names)
        run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return named(name)

    return fresh


def _say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name in [name for name in os.environ if name.startswith("DAYREEL_")]:
        del os.environ[name]
    where, cache, server, numbers, *hosts = sys.argv[1:]
    main(Path(where), Path(cache), server, [int(number) for number in numbers.split(",")], has_hosts=bool(hosts))
