"""Acme's vendors keep the contracts of their families, and a channel file may choose them."""

from dataclasses import replace

import pytest

from dayreel.testing import Sample, bench, checks_of
from dayreel.vendors.registry import names, unusable, vendor_named

SAMPLES = {
    "acme_video": Sample(),
    "acme_voice": Sample(voice="ana"),
    "acme_pager": Sample(),
    "acme_board": Sample(fields={"wall": "kitchen"}, duration_s=5),
}


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(name, check, id=f"{name}-{check.__name__}")
        for name in SAMPLES
        for check in checks_of(vendor_named(name))
    ],
)
def test_the_contract(name, check, tmp_path):
    video = tmp_path / "video.mp4"
    video.write_bytes(bytes(5000))  # nobody looks at it
    with bench(vendor_named(name), tmp_path, replace(SAMPLES[name], video=video)) as running:
        check(running)


def test_dayreel_finds_all_of_them():
    assert unusable() == []
    assert set(SAMPLES) <= set(names())
