"""Days per minute of a backfill at 1, 10 and 30 days, and what a day costs as their number grows.

The bar: a day of thirty costs at most 1.2 times a day of ten. The channel is one of own footage, two seconds long, so
that what is measured is mostly ours and Dagster's; cost is CPU time, ffmpeg's included. The days are made one after the
other in this process, as `dayreel backfill` does without a web server.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import imageio_ffmpeg

COUNTS = (1, 10, 30)
BAR = 1.2
CHANNEL = """title: Notes
topic: What we saw outside today
content_type: notes
active_from: 2015-01-01
ideas: {provider: calendar, file: notes/calendar.csv}
segments: {count: 2, duration_s: 1, resolution: 480p}
video: {provider: clips, folder: notes/clips}
platforms: {outbox: {}}
"""


def make_project(root: Path, days: int) -> None:
    """Write a project with a calendar and one clip."""
    today = datetime.now(UTC).date()
    clips = root / "channels" / "notes" / "clips"
    clips.mkdir(parents=True)
    (root / "workspace.yaml").write_text("", encoding="utf-8")
    (root / ".env").write_text(f"DAYREEL_FIRST_DAY={today - timedelta(days=days + 5)}", encoding="utf-8")
    (root / "channels" / "notes.yaml").write_text(CHANNEL, encoding="utf-8")
    rows = [
        f'{today - timedelta(days=number)},"Frogs and moss, number {number}",Frogs,#f,frogs' for number in range(days)
    ]
    calendar = "\n".join(["day,idea,caption,hashtags,topic", *rows])
    (root / "channels" / "notes" / "calendar.csv").write_text(calendar, encoding="utf-8")
    source = ["-f", "lavfi", "-i", "testsrc2=size=480x854:rate=30:duration=3", "-f", "lavfi", "-i", "sine=duration=3"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([ffmpeg, "-v", "error", "-y", *source, *encode, str(clips / "walk.mp4")], check=True)


def cpu_s() -> float:
    """Return the CPU seconds of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure(root: Path, counts: tuple[int, ...]) -> list[dict[str, Any]]:
    """Make as many days as the largest count, and return CPU and wall time per day at each count."""
    from dayreel.cli.run_command import make_channel_day
    from dayreel.settings import load_settings
    from dayreel.stores.channel_files import ChannelFiles
    from tests.fakes.sandbox import RunningSandbox

    make_project(root, counts[-1])
    rows: list[dict[str, Any]] = []
    with RunningSandbox(root / "world") as sandbox:
        with (root / ".env").open("a", encoding="utf-8") as environment:
            environment.write(f"\nDAYREEL_SANDBOX_URL={sandbox.url}\n")
        os.environ["DAGSTER_HOME"] = str(root / "dagster_home")
        (root / "dagster_home").mkdir()
        shutil.copy(Path(__file__).parents[1] / "dagster_home" / "dagster.yaml", root / "dagster_home")
        settings = load_settings(root)
        channel = ChannelFiles(settings.channels_dir).load("notes")
        import pipeline_assets.definitions  # noqa: F401  likewise

        begun, cpu = time.monotonic(), cpu_s()
        for number in range(1, counts[-1] + 1):
            day = datetime.now(UTC).date() - timedelta(days=counts[-1] - number)
            if not make_channel_day(settings, channel, day, who="bench"):
                raise SystemExit(f"{day} was not made")
            if number in counts:
                wall = time.monotonic() - begun
                rows.append({"days": number, "cpu_s": (cpu_s() - cpu) / number, "days_per_minute": 60 * number / wall})
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder) / "project", COUNTS)
    ratio = rows[-1]["cpu_s"] / rows[-2]["cpu_s"]
    if options.as_json:
        print(json.dumps({"found": rows, "ratio": ratio, "bar": BAR}, indent=2))
    else:
        print("| days | CPU s per day | days per minute, on this machine now |\n|---|---|---|")
        for row in rows:
            print(f"| {row['days']} | {row['cpu_s']:.2f} | {row['days_per_minute']:.1f} |")
        print(f"\nA day of 30 costs {ratio:.2f} times a day of 10 (bar {BAR}): {'held' if ratio <= BAR else 'missed'}.")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
