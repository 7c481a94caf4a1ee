"""What a media file holds, and each way in which a file is not one."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from dayreel.errors import MediaError
from dayreel.media.mp4_boxes import read_outline
from dayreel.media.probe import decode_fully, probe
from tests.unit.media.films import RATE, SECONDS, film

MakeClip = Callable[..., Path]
Run = Callable[..., None]

PQ = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=limited"


def test_a_plain_clip_is_described(make_clip: MakeClip) -> None:
    facts = probe(make_clip(rate="30000/1001"))
    video, audio = facts.best_video_stream(), facts.best_audio_stream()
    assert (video.codec, video.width, video.height, video.pix_fmt) == ("h264", 180, 320, "yuv420p")
    assert video.fps == Fraction(30000, 1001)
    assert video.is_constant_rate
    assert video.frames == 30
    assert video.duration_s == pytest.approx(1.0, abs=0.01)
    assert (video.sar, video.rotation, video.is_hdr, video.is_full_range) == (Fraction(1), 0, False, False)
    assert audio is not None
    assert (audio.codec, audio.profile, audio.sample_rate, audio.channels) == ("aac", "LC", 48_000, 2)
    assert facts.container == "mov"
    assert facts.size_bytes == facts.path.stat().st_size
    assert facts.bit_rate == pytest.approx(facts.size_bytes * 8 / facts.duration_s, rel=0.01)


def test_the_place_of_the_index_is_read_from_the_boxes(make_clip: MakeClip) -> None:
    assert probe(make_clip("last.mp4")).moov_before_mdat is False
    assert probe(make_clip("first.mp4", options=("-movflags", "+faststart"))).moov_before_mdat is True
    assert probe(make_clip("other.mkv")).moov_before_mdat is None


def test_an_edit_list_is_seen(make_clip: MakeClip) -> None:
    assert probe(make_clip("with.mp4")).has_edit_list
    assert not probe(make_clip("without.mp4", options=("-use_editlist", "0"))).has_edit_list


def test_a_large_box_with_a_64_bit_size_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    boxes = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x01mdat" + (24).to_bytes(8) + bytes(8) + b"\0\0\0\x08moov"
    path.write_bytes(boxes)
    outline = read_outline(path)
    assert outline is not None
    assert (outline.has_moov, outline.moov_before_mdat, outline.missing_bytes) == (True, False, 0)


@pytest.mark.parametrize(("turned", "clockwise"), [("90", 270), ("-90", 90), ("180", 180)])
def test_rotation_is_read_and_turns_the_displayed_size(
    make_clip: MakeClip, run: Run, tmp_path: Path, turned: str, clockwise: int
) -> None:
    path = tmp_path / "turned.mp4"
    run("-display_rotation", turned, "-i", make_clip(), "-c", "copy", path)
    video = probe(path).best_video_stream()
    assert video.rotation == clockwise
    assert (video.width, video.height) == (180, 320)
    seen = (180, 320) if clockwise == 180 else (320, 180)
    assert (video.display_width, video.display_height) == seen


def test_pixel_aspect_counts_in_the_displayed_size(make_clip: MakeClip) -> None:
    video = probe(make_clip(size="90x320", video_filter="setsar=2")).best_video_stream()
    assert (video.width, video.display_width) == (90, 180)


def test_hdr_ten_bit_and_full_range_are_seen(make_clip: MakeClip) -> None:
    options = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")
    hdr = probe(make_clip("hdr.mp4", video_filter=PQ, options=options)).best_video_stream()
    assert hdr.is_hdr
    assert (hdr.color_transfer, hdr.color_primaries, hdr.color_space) == ("smpte2084", "bt2020", "bt2020nc")
    assert hdr.pix_fmt == "yuv420p10le"
    full = probe(make_clip("full.mp4", options=("-pix_fmt", "yuvj420p"))).best_video_stream()
    assert full.is_full_range


def test_a_variable_frame_rate_is_seen(make_clip: MakeClip) -> None:
    path = make_clip(
        rate="30", video_filter="select='not(mod(n\\,7))+gt(n\\,15)'", options=("-fps_mode", "vfr"), duration_s=2
    )
    assert not probe(path).best_video_stream().is_constant_rate


def two_videos(make_clip: MakeClip, run: Run, tmp_path: Path) -> Path:
    small, large = make_clip("small.mp4", size="96x64"), make_clip("large.mp4", size="128x96", rate="30")
    path = tmp_path / "two.mp4"
    run("-i", small, "-i", large, "-map", "0:v", "-map", "0:a", "-map", "1:v", "-c", "copy", path)
    return path


def test_the_largest_video_stream_is_taken_unless_one_is_named(make_clip: MakeClip, run: Run, tmp_path: Path) -> None:
    facts = probe(two_videos(make_clip, run, tmp_path))
    assert facts.best_video_stream().index == 2
    assert facts.best_video_stream(0).width == 96


def test_a_missing_stream_is_refused_listing_the_available_ones(make_clip: MakeClip, run: Run, tmp_path: Path) -> None:
    facts = probe(two_videos(make_clip, run, tmp_path))
    with pytest.raises(MediaError, match=r"video stream 1 .* are 0 \(96x64, 24.00 fps\), 2 \(128x96, 30.00 fps\)"):
        facts.best_video_stream(1)


def test_a_cover_picture_is_not_video(make_clip: MakeClip, run: Run, tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    Image.new("RGB", (640, 640), "red").save(cover)
    both = tmp_path / "both.mp4"
    covered = ("-map", "0", "-map", "1", "-c", "copy", "-c:v:1", "png", "-disposition:v:1", "attached_pic")
    run("-i", make_clip(), "-i", cover, *covered, both)
    assert probe(both).best_video_stream().width == 180
    song = tmp_path / "song.m4a"
    alone = ("-map", "0", "-map", "1", "-c:v", "png", "-disposition:v:0", "attached_pic", "-f", "mp4")
    run("-i", make_clip("song.mp4", picture=None), "-i", cover, *alone, song)
    with pytest.raises(MediaError, match="only a cover picture and sound"):
        probe(song).best_video_stream()


def test_sound_alone_has_no_video(make_clip: MakeClip) -> None:
    facts = probe(make_clip("sound.m4a", picture=None))
    with pytest.raises(MediaError, match="it has only sound, no moving picture"):
        facts.best_video_stream()


def test_no_sound_is_no_audio_stream(make_clip: MakeClip) -> None:
    assert probe(make_clip(sound=None)).best_audio_stream() is None


def page(path: Path) -> Path:
    path.write_text("<!doctype html><html><body>404</body></html>")
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def playlist(path: Path) -> Path:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")
    return path


def subtitles(path: Path) -> Path:
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, "there is no such file"),
        (empty, r"it is empty \(0 bytes\)"),
        (folder, "it is a folder"),
        (page, r"it is not a media file \(it begins with b'<!doctype html>"),
        (playlist, "not a media file|not a video or sound file"),
        (subtitles, "not a media file|not a video or sound file"),
    ],
)
def test_what_is_not_media_is_refused_in_its_own_words(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    path = make(tmp_path / "video.mp4")
    with pytest.raises(MediaError, match=words) as refused:
        probe(path)
    assert str(path) in str(refused.value)


def test_a_file_truncated_in_its_data_says_how_much_is_missing(make_clip: MakeClip) -> None:
    path = make_clip(options=("-movflags", "+faststart"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=rf"cut off: {len(whole) - len(whole) // 2} of {len(whole)} bytes"):
        probe(path)


def test_a_file_cut_off_before_its_index_says_so(make_clip: MakeClip) -> None:
    path = make_clip()
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"moov") - 4])
    with pytest.raises(MediaError, match=r"an MP4 without its index \(moov\)"):
        probe(path)


def test_every_frame_is_decoded_and_counted(make_clip: MakeClip) -> None:
    decoded = decode_fully(make_clip(duration_s=1.5))
    assert decoded.frames == 36
    assert decoded.last_frame_ends_s == pytest.approx(1.5, abs=0.01)


def test_matroska_whose_clock_begins_late_is_whole(base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    late = film("shifted_mkv").make(ffmpeg, base, tmp_path)
    assert probe(late).duration_s == pytest.approx(SECONDS, abs=0.05)
    assert decode_fully(late).frames == RATE * SECONDS


@pytest.mark.parametrize(
    ("name", "lasts_s", "frames"), [("browser_recorder", 6.0, 56), ("windows_media_late", 5.2, 312)]
)
def test_a_length_is_when_the_last_stream_ends(
    name: str, lasts_s: float, frames: int, base: Path, ffmpeg: Path, tmp_path: Path
) -> None:
    """A browser's recorder states none, and Windows Media counts in what comes before its first stream."""
    odd = film(name).make(ffmpeg, base, tmp_path)
    assert probe(odd).duration_s == pytest.approx(lasts_s, abs=0.05)
    assert decode_fully(odd).frames == frames


def test_pictures_at_odd_moments_are_no_jump(base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    facts = probe(film("jitter_ts").make(ffmpeg, base, tmp_path))
    assert not facts.clock_jumps
    assert facts.duration_s == pytest.approx(SECONDS, abs=0.05)


def test_a_cut_off_file_without_box_sizes_is_found_by_decoding(make_clip: MakeClip) -> None:
    path = make_clip("cut.mkv", duration_s=3)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=r"announces 3\.\d+ s and ends after 1\.\d+ s: it was cut off"):
        decode_fully(path)


def test_damaged_frames_are_found_by_decoding(make_clip: MakeClip) -> None:
    path = make_clip()
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + len(data) // 3
    data[start : start + 3000] = b"\xa5" * 3000
    path.write_bytes(data)
    with pytest.raises(MediaError, match="Decoded"):
        decode_fully(path)
