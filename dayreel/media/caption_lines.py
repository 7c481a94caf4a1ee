"""What stands in a caption and when: spoken words cut where a language breaks, gathered into lines that fit.

Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan write no spaces, so ICU's dictionaries say where a word ends; a
word that is too long for any line is broken, never inside a letter with its marks. Drawing is `captions`, files
for players are `subtitles`.
"""

import itertools
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from dayreel.media.fonts import clusters
from dayreel.schemas.content import SpokenWord

Width = Callable[[Sequence["TimedWord"]], float]
"""Measures words as they stand in one line, with the spaces between them."""

_LONGEST_PAUSE_S = 0.7
_LINGER_S = 0.25
_TICK_S = 0.01
_SENTENCE_ENDS = tuple(".!?…:;" + "\u3002\uff01\uff1f\uff1b\u0964\u0965\u061f\u06d4\u1362\u17d4\u104a\u104b\u0f0e")
"""Then those of Chinese and Japanese, Hindi, Arabic, Urdu, Amharic, Khmer, Burmese and Tibetan."""
_SMALLEST_SHARE = 0.75
_KANA = range(0x3040, 0x3100)
_WITHOUT_SPACES = (
    (0x0E00, 0x109F),  # Thai, Lao, Tibetan, Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # Han radicals, CJK punctuation, Kana, Bopomofo
    (0x31A0, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0xFF01, 0xFFEF),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True)
class TimedWord:
    """A word, or a piece of one, and when it is heard, in seconds of the video."""

    text: str
    start_s: float
    end_s: float
    after_space: bool = True


@dataclass(frozen=True)
class Line:
    """What stands on the picture for a while; `scale` is below 1 where it has to be smaller to fit."""

    tokens: tuple[TimedWord, ...]
    start_s: float
    end_s: float
    scale: float = 1.0

    @property
    def text(self) -> str:
        """Its words as they are written."""
        return joined(self.tokens)


def joined(tokens: Sequence[TimedWord]) -> str:
    """Return words as they are written, in the order of reading."""
    return "".join((" " if number and token.after_space else "") + token.text for number, token in enumerate(tokens))


def tokens_of(words: Sequence[SpokenWord], narration: str = "") -> list[TimedWord]:
    """Return what is spoken, word by word, in the order of time.

    Args:
        words: as the voice reported them; one of a language without spaces may be a whole sentence.
        narration: what was given to the voice: voices leave out punctuation and say nothing of spaces.
    """
    tokens: list[TimedWord] = []
    for word in _as_written(words, narration):
        pieces = _pieces(word.text)
        sizes = [len(list(clusters(piece))) for piece in pieces]
        for number, (piece, (start_s, end_s)) in enumerate(
            zip(pieces, _shares(sizes, word.start_s, word.end_s), strict=True)
        ):
            tokens.append(TimedWord(piece, start_s, end_s, word.after_space and number == 0))
    return list(_one_after_another(tokens))


def lines_of(
    tokens: Sequence[TimedWord],
    width: Width,
    *,
    room: float,
    most_words: int,
    most_letters: int,
    total_s: float,
    smallest: float = _SMALLEST_SHARE,
) -> list[Line]:
    """Return the lines: as many words as fit and belong together, none of them at the same time as another.

    Args:
        width: measures in the unit of `room`.
        most_words: so many with spaces between them stand in one line.
        most_letters: likewise of letters where there are none.
        total_s: the video's length; nothing stands longer.
        smallest: a word is written that much smaller before it is broken.
    """
    whole = [piece for token in tokens for piece in _fitted(token, width, room, smallest)]
    groups = list(_grouped(list(_one_after_another(whole)), width, room, most_words, most_letters))
    lines = []
    for number, group in enumerate(groups):
        next_s = groups[number + 1][0].start_s if number + 1 < len(groups) else total_s
        end_s = min(group[-1].end_s + _LINGER_S, next_s, total_s)
        if end_s > group[0].start_s:
            lines.append(Line(tuple(group), group[0].start_s, end_s, min(1.0, room / max(width(group), room / 2))))
    return lines


def _one_after_another(tokens: Sequence[TimedWord]) -> Iterator[TimedWord]:
    """Give tokens so that none begins before the one ahead of it, nor at the same moment: each is seen."""
    next_s = 0.0
    for token in tokens:
        start_s = max(token.start_s, next_s)
        yield replace(token, start_s=start_s, end_s=max(token.end_s, start_s))
        next_s = start_s + _TICK_S


def _as_written(words: Sequence[SpokenWord], narration: str) -> Iterator[TimedWord]:
    """Give each word with the punctuation that stands beside it in the narration, and whether a space comes first."""
    spoken = [word for word in words if word.text.strip()]
    before, at = "", 0
    waiting: TimedWord | None = None
    for word in spoken:
        text = " ".join(word.text.split())
        place = narration.find(text, at)
        between = narration[at:place] if place >= 0 else None
        # A word between two is one that the voice did not report: nothing is made up of it.
        is_punctuation = between is not None and not any(letter.isalnum() for letter in between)
        if between is None:
            has_space = not (before and _is_without_spaces(before[-1]) and _is_without_spaces(text[0]))
            first = last = ""
        else:
            has_space = any(letter.isspace() for letter in between)
            first, last = _punctuation(between) if is_punctuation else ("", "")
            at = place + len(text)
        if waiting is not None:
            yield replace(waiting, text=waiting.text + first)
            first = ""
        waiting = TimedWord(first + last + text, word.start_s, word.end_s, has_space)
        before = text
    if waiting is not None:
        rest = narration[at:].strip() if at and not any(letter.isalnum() for letter in narration[at:]) else ""
        yield replace(waiting, text=waiting.text + (rest if narration[at : at + 1] == rest[:1] else "\u00a0" + rest))


def _punctuation(between: str) -> tuple[str, str]:
    """Return what of the signs between two words belongs to the first, and what to the second."""
    if not any(letter.isspace() for letter in between):
        opening = next(
            (number for number, letter in enumerate(between) if unicodedata.category(letter) in ("Ps", "Pi")),
            len(between),
        )
        return between[:opening], between[opening:]
    parts = between.split()
    last = parts.pop() if parts and not between[-1].isspace() else ""
    first = parts.pop(0) if parts and not between[0].isspace() else ""
    # A dash or an emoji with a space on both sides stays with the word before it.
    return first + "".join("\u00a0" + part for part in parts), last


def _pieces(text: str) -> list[str]:
    """Return a word cut where its language does; a word of one with spaces is whole."""
    if not any(_is_without_spaces(letter) for letter in text):
        return [text]
    from icu4py.breakers import LineBreaker, WordBreaker  # noqa: PLC0415  see `fonts.clusters`

    language = "ja" if any(ord(letter) in _KANA for letter in text) else "zh"
    # Where a word ends and a line may end too: a full stop stays with its word.
    allowed = set(itertools.accumulate(map(len, LineBreaker(text, language))))
    allowed &= set(itertools.accumulate(map(len, clusters(text))))
    cuts = [end for end in itertools.accumulate(map(len, WordBreaker(text, language))) if end in allowed]
    pieces = [text[start:end] for start, end in itertools.pairwise([0, *cuts])]
    return [piece for piece in pieces if piece.strip()] or [text]


def _fitted(token: TimedWord, width: Width, room: float, smallest: float) -> list[TimedWord]:
    """Return a word that fits when it is written a little smaller, or the pieces of one that does not."""
    if width([token]) * smallest <= room:
        return [token]
    texts = list(_broken(token.text, lambda text: width([replace(token, text=text)]) <= room))
    shares = _shares([len(text) for text in texts], token.start_s, token.end_s)
    return [
        TimedWord(text, start_s, end_s, token.after_space and number == 0)
        for number, (text, (start_s, end_s)) in enumerate(zip(texts, shares, strict=True))
    ]


def _broken(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """Give the pieces of a word: broken after its own hyphens and slashes, between letters where that is not enough."""
    from icu4py.breakers import LineBreaker  # noqa: PLC0415  see `fonts.clusters`

    # ICU allows a line to end between a letter of one writing and a mark of another.
    whole = set(itertools.accumulate(map(len, clusters(text))))
    cuts = [end for end in itertools.accumulate(map(len, LineBreaker(text, "en"))) if end in whole]
    for part in (text[start:end] for start, end in itertools.pairwise([0, *cuts])):
        letters = list(clusters(part))
        count = 1
        while True:
            size = -(-len(letters) // count)
            pieces = ["".join(letters[start : start + size]) for start in range(0, len(letters), size)]
            hyphened = [
                piece + _hyphen(piece, after)
                for piece, after in itertools.zip_longest(pieces, pieces[1:], fillvalue="")
            ]
            if size == 1 or all(map(fits, hyphened)):
                break
            count += 1
        yield from hyphened


def _hyphen(piece: str, after: str) -> str:
    """Return the hyphen at the end of a line, in writing that has one."""
    both = piece[-1:] + after[:1]
    return "-" if after and both.isalpha() and all(unicodedata.bidirectional(letter) == "L" for letter in both) else ""


def _grouped(
    tokens: Sequence[TimedWord], width: Width, room: float, most_words: int, most_letters: int
) -> Iterator[list[TimedWord]]:
    group: list[TimedWord] = []
    for token in tokens:
        if group:
            last = group[-1]
            words = 1 + sum(each.after_space for each in group[1:])
            letters = sum(len(list(clusters(each.text))) for each in (*group, token))
            is_full = words == most_words if token.after_space else letters > most_letters
            is_apart = token.start_s - last.end_s > _LONGEST_PAUSE_S or last.text.endswith(_SENTENCE_ENDS)
            if is_full or is_apart or width([*group, token]) > room:
                yield group
                group = []
        group.append(token)
    if group:
        yield group


def _shares(sizes: Sequence[int], start_s: float, end_s: float) -> list[tuple[float, float]]:
    total = sum(sizes)
    edges = [start_s + (end_s - start_s) * reached / total for reached in itertools.accumulate(sizes, initial=0)]
    return list(itertools.pairwise(edges))


def _is_without_spaces(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _WITHOUT_SPACES)
