"""A day without the internet: the files of docs/how-to/without-the-internet.md, with every other connection refused."""

import os
import re
import socket
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from tests.days import ZONE, today
from tests.fakes.espeak import make_espeak
from tests.fakes.project import content_row, status_documents
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.conftest import QUICK
from tests.orchestration.deployment import ROOT, Deployment, failures

CONTENT = f"quiet_day-{today()}"


def page_files() -> dict[str, str]:
    page = (ROOT / "docs" / "how-to" / "without-the-internet.md").read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", page, re.DOTALL))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was tried beyond this machine; nothing gets there."""
    tried: list[str] = []

    def is_here(address: Any) -> bool:
        return not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1", "localhost")

    def refuse(address: Any) -> None:
        tried.append(str(address))
        raise OSError(101, "Network is unreachable")

    def guarded(name: str) -> Any:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: Any) -> Any:
            return real(self, *arguments) if is_here(arguments[-1]) else refuse(arguments[-1])

        return call

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    look_up = socket.getaddrinfo

    def resolved(host: Any, *more: Any, **others: Any) -> Any:
        return look_up(host, *more, **others) if is_here((host or "localhost",)) else refuse((host,))

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setenv("PATH", str(make_espeak(tmp_path).parent), prepend=os.pathsep)
    return tried


def offline(root: Path, footage: Path, server: str) -> Deployment:
    files = page_files()
    environment = dict(line.split("=", 1) for line in files[".env"].split())
    address = {"OPENAI_COMPATIBLE_URL": f"{server}/openai_compatible/v1"}
    deployment = Deployment.new(root, {}, footage=footage, variables={**environment, **address})
    (root / "models.yaml").write_text(files["models.yaml"])
    channel = yaml.safe_load(files["channels/quiet_day.yaml"])
    shorter = {"segments": {"count": 3, "duration_s": 2, "resolution": "480p"}}  # what the tests have of footage
    deployment.write_channel("quiet_day", {**channel, "timezone": ZONE, **shorter})
    (root / "channels" / "notes").rename(root / "channels" / "quiet_day")
    return deployment


def test_a_day_is_made_and_published_offline(
    tmp_path: Path, footage: Path, instance: dg.DagsterInstance, sandbox: RunningSandbox, elsewhere: list[str]
) -> None:
    sandbox.pace(**QUICK, openai_compatible_models="qwen3:8b")
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    elsewhere.clear()
    deployment = offline(tmp_path / "project", footage, sandbox.url)
    made = deployment.run(instance, "make_day_quiet_day", today())
    assert made.success, failures(made)
    deployment.decide(CONTENT, "approved")
    published = deployment.run(instance, "publish", today(), ["quiet_day", "reviews"], ["quiet_day", "posts", "outbox"])
    assert published.success, failures(published)
    assert elsewhere == []
    effects = sandbox.effects()
    assert {generation["vendor"] for generation in effects["generations"]} == {"openai_compatible"}
    assert (effects["posts"], effects["messages"]) == ([], [])
    with deployment.project() as project:
        (document,) = status_documents(project)
        assert (document["state"], document["cost_usd"]) == ("posted", "0.0000")
        assert content_row(project, CONTENT).world == "live"
    files = sorted(path.suffix for path in (deployment.root / "outbox" / CONTENT).iterdir())
    assert {".mp4", ".txt"} <= set(files)
