"""What stands in a caption and when: nothing at once, nothing lost, nothing too wide, cut where a language breaks."""

import itertools
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dayreel.media.caption_lines import Line, TimedWord, joined, lines_of, tokens_of
from dayreel.media.fonts import clusters
from dayreel.media.subtitles import ROOM, as_srt, as_vtt, cues
from dayreel.providers.speech.contract import estimated_words
from dayreel.schemas.content import SpokenWord

WRITING = (
    "abcdefg é ñ.!,- 漢字今日はとても。รักน้ำมาก ខ្ញុំ ကြောင် ມື້ນີ້ हिन्दी क्ष تُفاح שלום 👩\u200d👩\u200d👧 🇩🇪❤\ufe0f한국어 བདེ་"
)


def width(tokens: object) -> float:
    """Measure by letters, one each, and one for a space."""
    assert isinstance(tokens, list | tuple)
    return float(len(list(clusters(joined(tokens)))))


def lines(words: list[SpokenWord], *, room: float = 20, total_s: float = 30) -> list[Line]:
    return lines_of(tokens_of(words), width, room=room, most_words=4, most_letters=12, total_s=total_s)


def texts(text: str, **spec: float) -> list[str]:
    return [line.text for line in lines(list(estimated_words(text, 9.0)), **spec)]


@st.composite
def narrations(draw: st.DrawFn) -> tuple[list[SpokenWord], float]:
    at_s, words = 0.0, []
    for text in draw(
        st.lists(
            st.lists(
                st.sampled_from([each for each in WRITING if unicodedata.category(each[0]) != "Mn"]),
                min_size=1,
                max_size=30,
            ).map("".join),
            min_size=1,
            max_size=12,
        )
    ):
        start_s = at_s + draw(st.floats(0, 1))
        at_s = start_s + draw(st.floats(0, 1))
        words.append(SpokenWord(text=text, start_s=start_s, end_s=at_s))
    return words, at_s + 5


def letters(text: str) -> list[str]:
    # Halves of two flags with a space between them are not one flag.
    return [cluster for part in text.split() for cluster in clusters(part)]


@settings(max_examples=40, deadline=None)
@given(narrations(), st.integers(3, 20))
@example(([SpokenWord(text="漢ำaaaa", start_s=0, end_s=0)], 5.0), 3)
@example(([SpokenWord(text="aa🇩 🇩", start_s=0, end_s=0)], 5.0), 3)
def test_lines_keep_every_letter_and_never_meet(spoken: tuple[list[SpokenWord], float], room: int) -> None:
    words, total_s = spoken
    made = lines(words, room=room, total_s=total_s)
    assert all(line.end_s <= after.start_s for line, after in itertools.pairwise(made))
    assert all(0 <= line.start_s < line.end_s <= total_s for line in made)
    assert all(width(line.tokens) * line.scale <= room + 1e-6 for line in made)
    # A letter may be two of Unicode's where a voice's words meet without a space, so the pieces are compared.
    seen = [letter for line in made for token in line.tokens for letter in letters(token.text) if letter != "-"]
    assert seen == [letter for word in words for letter in letters(word.text) if letter != "-"]


@settings(max_examples=40, deadline=None)
@given(narrations())
def test_words_are_seen_in_their_order_each_for_a_while(spoken: tuple[list[SpokenWord], float]) -> None:
    tokens = tokens_of(spoken[0])
    assert all(word.start_s < after.start_s for word, after in itertools.pairwise(tokens))
    assert all(token.start_s <= token.end_s for token in tokens)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我今天早上看到了一只小猫。", ["我今天早上看到了", "一只小猫。"]),
        ("今日は公園で子猫を見ました。", ["今日は公園で子猫", "を見ました。"]),
        ("วันนี้ฉันเห็นลูกแมว", ["วันนี้ฉันเห็น", "ลูกแมว"]),
        ("ថ្ងៃនេះខ្ញុំបានឃើញកូនឆ្មា", ["ថ្ងៃនេះខ្ញុំបានឃើញ", "កូនឆ្មា"]),
        ("ມື້ນີ້ຂ້ອຍເຫັນລູກແມວ", ["ມື້ນີ້ຂ້ອຍເຫັນ", "ລູກແມວ"]),
        ("ကျွန်တော်ကြောင်လေးတွေ့တယ်", ["ကျွန်တော်ကြောင်", "လေးတွေ့တယ်"]),
        ("오늘 아침 고양이를", ["오늘 아침", "고양이를"]),
    ],
    ids=["zh", "ja", "th", "km", "lo", "my", "ko"],
)
def test_a_language_is_cut_between_its_words(text: str, expected: list[str]) -> None:
    assert texts(text, room=8) == expected


def test_a_long_word_is_broken_with_a_hyphen_in_equal_parts() -> None:
    assert texts("Donaudampfschifffahrtsgesellschaft", room=12) == ["Donaudamp-", "fschifffa-", "hrtsgesel-", "lschaft"]
    assert texts("well-being/happiness", room=11) == ["well-being/", "happiness"]
    assert texts("Donaudampf", room=8) == ["Donaudampf"]  # a little smaller


def test_lines_break_when_full_at_sentence_ends_and_at_pauses() -> None:
    assert texts("one two three four five", room=30) == ["one two three four", "five"]
    assert texts("It ends. Then more") == ["It ends.", "Then more"]
    apart = [*estimated_words("one two", 1.0), SpokenWord(text="three", start_s=5, end_s=6)]
    assert [line.text for line in lines(apart)] == ["one two", "three"]


def test_punctuation_comes_from_the_narration() -> None:
    def heard(narration: str, *said_words: str) -> list[str]:
        words = [SpokenWord(text=text, start_s=at, end_s=at + 1) for at, text in enumerate(said_words)]
        return [(" " if token.after_space else "") + token.text for token in tokens_of(words, narration)]

    assert heard('Wait, "you" - really?', "Wait", "you", "really") == ["Wait,", ' "you"\u00a0-', " really?"]
    assert heard("我来了、“你好”吗。", "我来了", "你好", "吗")[-2:] == ["“你好”", "吗。"]
    assert heard("ฉัน รัก คุณ", "ฉัน", "รัก", "คุณ") == ["ฉัน", " รัก", " คุณ"]
    assert heard("Done 😀", "Done") == ["Done\u00a0😀"]
    assert heard("It is 20 now", "It", "is", "twenty", "now") == ["It", " is", " twenty", " now"]


def test_subtitle_files_hold_half_sentences() -> None:
    words = [
        SpokenWord(text=text, start_s=at, end_s=at + 0.9) for at, text in enumerate(("Clay", "&", "<light>.", "我来"))
    ]
    made = cues(words, total_s=3_700)
    assert [line.text for line in made] == ["Clay & <light>.", "我来"]
    assert as_srt(made).startswith("1\n00:00:00,000 --> 00:00:03,000\nClay & <light>.\n\n2\n")
    assert as_vtt(made).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nClay &amp; &lt;light&gt;.\n\n")
    late = [SpokenWord(text="End", start_s=3_661.5, end_s=3_662)]
    assert "01:01:01.500 --> 01:01:02.250" in as_vtt(cues(late, total_s=3_700))
    assert max(len(line.text) for line in cues(list(estimated_words("clay and light " * 30, 60)), total_s=60)) <= ROOM


def test_a_word_of_no_length_is_still_seen() -> None:
    assert [line.text for line in lines([SpokenWord(text="ah", start_s=1, end_s=1)])] == ["ah"]
    assert joined([TimedWord("a", 0, 1), TimedWord("b", 1, 2, after_space=False)]) == "ab"
