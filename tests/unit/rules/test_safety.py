"""Blocked terms are whole words, whatever their case or disguise."""

import pytest

from dayreel.rules.safety import find_blocked
from dayreel.sandbox.writer import recorded
from dayreel.stores.blocked_terms import default_terms


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("A NUDE portrait", ["nude"], ("nude",)),
        ("a denuded hill", ["nude"], ()),
        ("glassblower", ["ass"], ()),
        ("#nsfw", ["nsfw"], ("nsfw",)),
        ("self-harm and self  harm", ["self harm"], ("self harm",)),
        ("self\nharm", ["Self Harm"], ("Self Harm",)),
        ("herself harmed", ["self harm"], ()),
        ("\uff4e\uff55\uff44\uff45", ["nude"], ("nude",)),
        ("nu\u200bde", ["nude"], ("nude",)),
        ("STRASSE", ["straße"], ("straße",)),
        ("C++ for all", ["c++"], ("c++",)),
        ("anything", [], ()),
    ],
)
def test_a_term_is_found_as_whole_words(text: str, terms: list[str], expected: tuple[str, ...]) -> None:
    assert find_blocked(["", text], terms) == expected


def test_the_packaged_list_is_readable_and_without_repeats() -> None:
    terms = default_terms()
    assert len(terms) > 30
    assert len(set(terms)) == len(terms)
    assert not any(term.startswith("#") for term in terms)


def test_the_stand_in_models_texts_pass_the_packaged_list() -> None:
    everything = [str(answer) for answers in recorded().values() for answer in answers]
    assert len(everything) > 150
    assert find_blocked(everything, default_terms()) == ()
