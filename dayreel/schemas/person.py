"""What makes two spellings one person, and by which accounts a person is known elsewhere."""

import unicodedata

LOGIN = "login"
"""The kind of the operating system's account under which the command line and the terminal are used. Any other kind of
account is a chat's, by the vendor's name.
"""
LONGEST_NAME = 80


def name_key(name: str) -> str:
    """Return by what a person is known: the same for every case, spacing, width and normalisation of one name.

    Letters that only look alike (Latin and Cyrillic a) stay two; they are distinct people, because only known people
    count.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
    return " ".join(visible.split())[:LONGEST_NAME]
