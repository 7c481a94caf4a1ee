"""A segment of footage begins with a scene and stays in it where one is long enough: always the same for a key."""

import pytest

from dayreel.rules.in_points import by_scene, spread

SCENES = [0.0, 2.0, 9.3, 10.4, 16.4]
ENDS_S = 21.9


def begun(uses: int, lasts_s: float = 5.0, key: str = "crafts-2026-12-01/a.mp4") -> float:
    return by_scene(SCENES, ENDS_S, lasts_s, key=key, uses=uses).start_s


def test_each_scene_that_is_long_enough_is_begun_once() -> None:
    assert sorted(begun(uses) for uses in range(3)) == [2.0, 10.4, 16.4]
    assert [begun(uses) for uses in range(3)] == [begun(uses) for uses in range(3)]
    assert begun(3) == begun(0)


def test_contents_have_orders_of_their_own() -> None:
    assert {begun(0, key=f"crafts-{number}") for number in range(20)} == {2.0, 10.4, 16.4}


def test_a_segment_goes_on_where_all_scenes_were_begun() -> None:
    starts = [begun(uses, lasts_s=3.0) for uses in range(5)]
    assert sorted(starts[:3]) == [2.0, 10.4, 16.4]
    assert sorted(starts[3:]) == [5.0, 13.4]
    point = by_scene(SCENES, ENDS_S, 3.0, key="crafts-2026-12-01/a.mp4", uses=3)
    assert "goes on in scene" in point.reason


def test_too_short_scenes_are_crossed_as_little_as_can_be() -> None:
    point = by_scene(SCENES, ENDS_S, 8.0, key="k", uses=0)
    assert point.start_s in (2.0, 10.4)
    assert point.reason.endswith("crosses 1 cut: no scene lasts 8 s, the longest 7.30 s")
    assert by_scene(SCENES, ENDS_S, 21.9, key="k", uses=4).start_s == 0.0


@pytest.mark.parametrize("begins_s", [2.0 + 1 / 30, 61 / 29.97, 0.1 + 0.2])
def test_a_cut_never_begins_before_its_scene(begins_s: float) -> None:
    start_s = by_scene([0.0, begins_s], begins_s + 9, 5.0, key="k", uses=0).start_s
    assert begins_s - 1e-6 <= start_s < begins_s + 0.001


def test_spread_starts_follow_one_another_over_the_file() -> None:
    assert [spread((0.5, 12.5), 5.0, uses) for uses in range(3)] == pytest.approx([0.5, 5.5, 3.5])
    assert spread((0.5, 3.0), 5.0, 2) == 0.5
