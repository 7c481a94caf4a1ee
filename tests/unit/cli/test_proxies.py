"""A company's proxy is for what is outside: loopback is reached without it."""

import pytest
from requests.utils import get_environ_proxies

from dayreel.cli import _bypass_proxies_on_loopback


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_loopback_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("no_proxy")  # set first, so that what is set below is taken back
    monkeypatch.setenv(variable, "intranet.example")
    _bypass_proxies_on_loopback()
    for inside in ("127.0.0.1:8765", "localhost:3000", "intranet.example"):
        assert not get_environ_proxies(f"http://{inside}/")
    assert get_environ_proxies("http://vendor.example/")["http"] == "http://proxy.example:3128"
