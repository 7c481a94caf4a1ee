"""Where an item lies at each stage, and what its folder says about it."""

import pytest

from dayreel.footage.rules.paths import MAX_ITEM_ID, ItemName


def test_a_movie_is_identified_by_its_folder_at_every_stage() -> None:
    name = ItemName("movie", "Hidden_Falls_2019")
    assert (name.item_id, name.title, name.year) == ("movie-hidden_falls_2019", "Hidden Falls", 2019)
    assert name.folder("remux") == "2-remuxed/movies/Hidden_Falls_2019"
    assert name.marker_dir("transcode") == "3-transcoded/movies/Hidden_Falls_2019/.pipeline"
    assert name.marker_dir("file") == "4-library/.pipeline/movie-hidden_falls_2019"


@pytest.mark.parametrize("disc", ["S02 Disc1", "S02_Disc1", "s2d1", "Season 2 Disk 1"])
def test_a_disc_of_a_series_says_its_season_and_number(disc: str) -> None:
    name = ItemName("tv", f"Blue_Coast/{disc}")
    assert (name.title, name.season, name.disc) == ("Blue Coast", 2, 1)


def test_a_name_that_says_no_season_is_taken_as_it_is() -> None:
    name = ItemName("tv", "Blue_Coast")
    assert (name.title, name.season, name.disc) == ("Blue Coast", None, None)


def test_long_names_that_begin_alike_keep_ids_of_their_own() -> None:
    first, other = (ItemName("movie", "A" * 80 + end).item_id for end in ("x", "y"))
    assert first != other
    assert len(first) == len(other) == MAX_ITEM_ID
