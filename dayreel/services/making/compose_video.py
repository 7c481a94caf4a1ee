"""Composing the final video of a content and asking for its review."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

from dayreel.errors import UsageError
from dayreel.media.checks import ExpectedVideo, check_final_video, platform_limits
from dayreel.media.compose import compose
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.media.stills import contact_sheet, poster
from dayreel.queries.rows import ContentRow
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import CheckResult, FinalVideo
from dayreel.schemas.manifest import Manifest
from dayreel.services.making import caption_video
from dayreel.services.making.open_content import open_content
from dayreel.services.making.plan_video import brand_files, edit_files, edit_settings, used_music, video_plan
from dayreel.services.making.preflight import require_files
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.making.title_video import has_titles, plain_end_s, title_words, with_titles
from dayreel.services.project import Project
from dayreel.services.reviewing.request_review import request_review
from dayreel.stores.files import sha256_of
from dayreel.vendors.registry import platform_named

CODE_VERSION = "1"
CHECKS: Mapping[str, str] = {
    "dimensions": "Width and height are those of the channel.",
    "duration": "It is as long as its segments together.",
    "codecs": "Picture and sound are encoded as every platform takes them.",
    "has_audio": "It has a sound stream.",
    "loudness": "Its loudness is that of the channel (`brand.loudness_lufs`).",
    "true_peak": "Its sound does not clip.",
    "not_black": "No long stretch of it is black.",
    "not_frozen": "No long stretch of it stands still.",
    "faststart": "It plays before it is loaded: its index comes first.",
    "decodes_fully": "Every frame decodes.",
    "in_sync": "Picture and sound of own footage are as far from each other as in its source.",
    "fits_platforms": "It is what each platform of the channel accepts.",
}


def compose_video(project: Project, channel: Channel, day: date) -> StageResult:
    """Compose the final video of a channel's day, or return the one it has; then see that a review is asked for.

    Raises:
        UsageError: there are no segments (or no narration, where the channel speaks) yet.
        ConfigurationError: a file of the brand or the edit is not there.
        MediaError: a part cannot be used, the disk is full, ffmpeg failed. No half file has a final name.
    """
    row = open_content(project, channel, day)
    manifest = project.contents.manifest(row.id)
    _require_parts(channel, manifest)
    for part in ("brand.", "edit."):
        require_files(project.settings, channel, part)
    files = edit_files(project.settings.channels_dir, channel, row.id)
    work = Work(
        stage="final_video",
        fingerprint=fingerprint(
            code=CODE_VERSION,
            segments=[segment.file.sha256 for segment in manifest.segments],
            narration=manifest.narration.file.sha256 if manifest.narration else None,
            brand=channel.brand,
            brand_files=[sha256_of(path) for path in brand_files(project.settings.channels_dir, channel).values()],
            spec=channel.segments,
            # Left out while it is off, so that what was composed before there were captions stays as it is.
            **caption_video.captions_version(channel),
            **edit_settings(channel),
            **({"words": title_words(channel, manifest.idea)} if has_titles(channel) else {}),
            **({"edit_files": {field: sha256_of(path) for field, path in files.items()}} if files else {}),
        ),
        provider="ffmpeg",
    )
    result = run_stage(project, row, work, lambda: _compose(project, channel, row, manifest, files))
    request_review(project, channel, row.id)
    return result


def _require_parts(channel: Channel, manifest: Manifest) -> None:
    missing = [] if manifest.segments else ["raw_segments"]
    if channel.narration is not None and manifest.narration is None:
        missing.append("narration")
    if missing:
        raise UsageError(
            f"{manifest.content_id} has no {' and no '.join(missing)} yet.",
            next_step="Materialize them first, or `dayreel run`.",
        )


def _compose(
    project: Project, channel: Channel, row: ContentRow, manifest: Manifest, files: Mapping[str, Path]
) -> Product:
    folder = project.contents.folder(row.id)
    ffmpeg = find_ffmpeg(project.settings.ffmpeg)
    brand = brand_files(project.settings.channels_dir, channel)
    metadata = {"comment": f"dayreel {row.id}" + (" (simulated)" if manifest.simulated else "")}
    plan = replace(
        video_plan(channel, brand, files, metadata=metadata),
        narration=None if manifest.narration is None else folder / manifest.narration.file.path,
        captions=caption_video.write_captions(
            project.settings, channel, manifest, folder=folder, intro=brand.get("intro")
        ),
    )
    segments = [project.contents.path(row.id, segment.file) for segment in manifest.segments]
    plan = with_titles(
        channel,
        plan,
        idea=manifest.idea,
        segments=segments,
        card_picture=files.get("end_card.picture"),
        fonts=caption_video.fonts_of(project.settings, channel),
        folder=folder / ".pipeline",
        ffmpeg=ffmpeg,
    )
    made = compose(segments, folder / "final_video.mp4", plan=plan, ffmpeg=ffmpeg)
    poster(made.path, folder / "poster.jpg")
    contact_sheet(made.path, folder / "contact_sheet.jpg")
    around_s = sum(probe(path).duration_s for name, path in brand.items() if name != "watermark")
    checks = check_final_video(
        made.path,
        ExpectedVideo(
            duration_s=channel.length_s + around_s,
            width=plan.width,
            height=plan.height,
            loudness_lufs=channel.brand.loudness_lufs if made.loudness_lufs is not None else None,
            max_true_peak_dbtp=channel.brand.true_peak_dbtp,
            max_black_s=max(ExpectedVideo.max_black_s, plain_end_s(channel)),
            max_frozen_s=max(ExpectedVideo.max_frozen_s, plain_end_s(channel)),
        ),
        ffmpeg=ffmpeg,
    )
    before = manifest.final_video
    changed = before is None or before.file.sha256 != made.sha256
    revision = (before.revision if before else 0) + (1 if changed else 0)
    final = FinalVideo(
        file=project.contents.record(row.id, made.path),
        revision=revision,
        duration_s=round(made.duration_s, 3),
        width=made.width,
        height=made.height,
        loudness_lufs=made.loudness_lufs,
        true_peak_dbtp=made.true_peak_dbtp,
        mode=made.mode,
        music=used_music(channel, files),
        poster="poster.jpg",
        contact_sheet="contact_sheet.jpg",
        subtitles=tuple(
            project.contents.record(row.id, path)
            for name in caption_video.SUBTITLES
            if (path := folder / name).is_file()
        ),
        checks=(*checks, stays_in_sync(manifest), fits_platforms(channel, made.path)),
        made_at=project.clock.now(),
    )
    return Product(
        {"final_video": final},
        {
            "revision": revision,
            "video_sha256": made.sha256,
            "final_video_path": f"{row.id}/final_video.mp4",
            "completed_at": project.clock.now(),
        },
        parameters={"why_encoded": made.why_encoded, "fps": float(Fraction(made.fps))},
    )


def stays_in_sync(manifest: Manifest) -> CheckResult:
    """Return whether what was cut from own footage is in sync, by what was measured of each segment."""
    measured = {segment.sequence: segment.in_sync for segment in manifest.segments if segment.in_sync is not None}
    failed = [f"Segment {sequence}: {check.message}" for sequence, check in measured.items() if not check.passed]
    return CheckResult(
        name="in_sync",
        passed=not failed,
        value="; ".join(f"segment {n}: {check.value}" for n, check in measured.items()) or "no own footage in it",
        expected="; ".join(dict.fromkeys(check.expected for check in measured.values())) or "nothing to compare with",
        message=" ".join(failed) or "No segment is out of sync with what it was cut from.",
    )


def checks_of(final: FinalVideo) -> tuple[CheckResult, ...]:
    """Return a result of each check; one that came later than the video has passed it, and says so."""
    known = {check.name: check for check in final.checks}
    later = "not looked at when it was made"
    return tuple(
        known.get(name, CheckResult(name=name, passed=True, value=later, expected=words, message=f"It was {later}."))
        for name, words in CHECKS.items()
    )


def fits_platforms(channel: Channel, video: Path) -> CheckResult:
    """Return whether every platform of the channel takes the video as it is."""
    platforms = list(channel.platforms.chosen())
    checks = (check for name in platforms for check in platform_limits(video, name, platform_named(name).limits))
    failed = [check for check in checks if not check.passed]
    return CheckResult(
        name="fits_platforms",
        passed=not failed,
        value="; ".join(f"{check.name} {check.value}" for check in failed) or "fits",
        expected="fits every platform",
        message=" ".join(check.message for check in failed) or f"It fits {', '.join(platforms) or 'no platform'}.",
    )
