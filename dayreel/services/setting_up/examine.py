"""Looking whether this machine, the project, the keys, the prices and the catalog are fit to work. Changes nothing.

What is tried out (the shared folder, a bucket) is tried with something of its own, which does not stay.

What needs Dagster to look at (its instance, its daemon, the graph) is beside the command line's door to it.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from dotenv import dotenv_values
from sqlalchemy.exc import DBAPIError

from dayreel.clock import SystemClock, local_day
from dayreel.errors import ConfigurationError, DayreelError, StoreError
from dayreel.media.captions import HOW_TO_SHOW
from dayreel.media.ffmpeg_binary import HOW_TO_GET_ONE, ffmpeg_facts, find_ffmpeg
from dayreel.media.scenes import HOW_TO_FIND_SCENES
from dayreel.providers.video.model_input import check_request, doubts
from dayreel.queries.config import keys
from dayreel.queries.connections import ANNOUNCED_AHEAD, ConnectedAccount, connected_accounts
from dayreel.queries.holds import holds
from dayreel.queries.rows import newest_backup_at, oldest_content_at
from dayreel.queries.unknown_outcomes import unknown_outcomes
from dayreel.records import Records
from dayreel.rules.calendar import changes_of_make_at, check_zones
from dayreel.rules.flags import TAKE_AWAY, flag_notices
from dayreel.rules.retirement import ending
from dayreel.schemas.channel import Channel
from dayreel.schemas.check import Check
from dayreel.schemas.content import VideoPrompt
from dayreel.services.footage_hooks import footage_hooks
from dayreel.services.keep_tokens import token_findings
from dayreel.services.making.caption_video import font_problem
from dayreel.services.making.experiments import plan_of
from dayreel.services.making.own_footage import scene_problem
from dayreel.services.making.preflight import NO_SPACE_BYTES, cover_problems, usable
from dayreel.services.making.render_segments import segment_request
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.ports import who_listens
from dayreel.services.sandbox_world import find_sandbox, preset_of
from dayreel.services.setting_up.connect_account import world_asked
from dayreel.settings import Settings
from dayreel.stores.bucket_check import check_bucket
from dayreel.stores.catalog.engine import HEAD, Catalog, schema_level
from dayreel.stores.channel_files import ChannelFiles, named_files
from dayreel.stores.content_bucket import content_place
from dayreel.stores.mart_bucket import mart_place
from dayreel.stores.yaml_problems import VendorProblem
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.models import VideoModel
from dayreel.vendors.registry import UPDATE_IT, platform_named, unusable, vendor_named, vendors

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 13)
LITTLE_SPACE_BYTES = 5 * 10**9
LONG_EXPERIMENT_DAYS = 365
_ASK_TIMEOUT_S = 2.0
_DAY = timedelta(days=1)


def examine(settings: Settings) -> list[Check]:
    """Return every check that needs no Dagster, in the order in which a newcomer meets them."""
    files = ChannelFiles(settings.channels_dir)
    checks = [check_python(), check_ffmpeg(settings.ffmpeg), check_disk(settings), check_project(settings)]
    checks.append(check_channels(files))
    # A file with problems was reported just above; the others can still be checked.
    broken = {problem.file.removesuffix(".yaml") for problem in files.problems()}
    channels = {name: files.load(name) for name in files.names() if name not in broken}
    checks += check_times(channels, settings.timezone, local_day(SystemClock().now(), settings.timezone))
    checks += check_sources(settings, channels)
    checks += check_env_file(settings.root / ".env")
    checks += check_vendors()
    checks += [check_sandbox(settings)] if settings.world == "sandbox" else check_keys(settings, channels)
    checks += token_findings(settings, SystemClock().now())
    footage = footage_hooks(settings)
    checks += [] if footage is None else footage.checks(settings)
    checks += check_buckets(settings)
    checks += check_flags(settings)
    checks += [check_prices(settings, channels), *check_models(settings, channels)]
    checks += [*check_platforms(channels), check_catalog(settings)]
    if checks[-1].verdict == "ok":
        checks += check_outcomes(settings)
        checks += check_backup(settings)
        checks += check_accounts(settings, SystemClock().now())
    checks += check_experiments(settings, channels)
    return [*checks, *check_ports(settings)]


def check_experiments(settings: Settings, channels: Mapping[str, Channel]) -> list[Check]:
    """Say how long each experiment takes; one that takes more than a year is a warning, and nothing is forbidden."""
    checks = []
    with closing(Catalog(settings.catalog)) as catalog:
        records = Records(settings, SystemClock(), catalog)
        for name, channel in channels.items():
            plan = plan_of(records, channel)
            if plan is None:
                continue
            step = (
                "" if plan.days <= LONG_EXPERIMENT_DAYS else "Ask for a larger `detect_percent`, or try bolder words."
            )
            checks.append(Check(f"experiment of {name}", "warn" if step else "ok", plan.words, step))
    return checks


def check_accounts(settings: Settings, now: datetime) -> list[Check]:
    """Look at the accounts that were connected: whose, how far the platform lets the app in, and what ends soon."""
    with closing(Catalog(settings.catalog)) as catalog:
        if _is_missing(catalog) or schema_level(catalog) != HEAD:
            return []
        with catalog.read() as connection:
            accounts = connected_accounts(connection, world_asked(settings))
    return [_account(account, now) for account in accounts.values()]


def _account(account: ConnectedAccount, now: datetime) -> Check:
    ends = [f"{what} ends on {at:%Y-%m-%d}" for what, at in account.ends.items()]
    missing = [f"without {', '.join(account.missing)}"] if account.missing else []
    facts = [str(account.account), *([account.kind] if account.kind else []), f"app: {account.app}", *missing, *ends]
    is_late = any(at - now < ANNOUNCED_AHEAD for at in account.ends.values())
    step = f"`dayreel connect {account.platform}` makes new tokens." if is_late else ""
    return Check(f"account of {account.platform}", "warn" if is_late else "ok", "; ".join(facts), step)


def check_flags(settings: Settings) -> list[Check]:
    """Say which flags stop something in processes with this environment."""
    return [Check("flags", "warn", sentence, TAKE_AWAY) for sentence in flag_notices(settings)]


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """Look at the interpreter that runs this."""
    version_text = f"Python {version[0]}.{version[1]}"
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return Check("python", "ok", version_text)
    return Check(
        "python",
        "fail",
        version_text,
        "dayreel needs Python 3.11, 3.12 or 3.13; recreate the environment with one of them.",
    )


def check_ffmpeg(configured: str | None) -> Check:
    """Look whether there is an ffmpeg, and whether it has every filter and encoder that dayreel uses."""
    try:
        facts = ffmpeg_facts(find_ffmpeg(configured))
    except DayreelError as error:
        return Check("ffmpeg", "fail", error.message, error.next_step)
    location = f"ffmpeg {facts.version} at {facts.path}"
    if facts.is_complete:
        return Check("ffmpeg", "ok", f"{location}, with every filter and encoder")
    missing = ", ".join((*facts.missing_filters, *facts.missing_encoders))
    return Check("ffmpeg", "fail", f"{location} lacks {missing}", HOW_TO_GET_ONE)


def check_disk(settings: Settings, free_bytes: int | None = None) -> Check:
    """Look at the space that is left where videos are kept."""
    free = shutil.disk_usage(settings.root).free if free_bytes is None else free_bytes
    space = f"{free / 10**9:.1f} GB free at {settings.root}"
    if free < NO_SPACE_BYTES:
        return Check("disk", "fail", space, "Free some space: a day needs up to 500 MB a channel while it is made.")
    if free < LITTLE_SPACE_BYTES:
        return Check("disk", "warn", space, "Free some space soon: below 0.5 GB nothing can be made.")
    return Check("disk", "ok", space)


def check_buckets(settings: Settings, *, connect: Callable[[], Any] | None = None) -> list[Check]:
    """Try out each bucket that the environment names with an object of its own; without any, nothing is asked."""
    named = (("content", settings.content_bucket, content_place), ("marts", settings.marts_bucket, mart_place))
    checks = []
    for what, text, place_of in named:
        if text is None:
            continue
        name = f"bucket of {what}"
        try:
            checks.append(check_bucket(name, place_of(text), connect=connect))
        except ConfigurationError as error:
            checks.append(Check(name, "fail", error.message, error.next_step))
    return checks


def check_project(settings: Settings) -> Check:
    """Look whether this is a project, and whether it can be written to."""
    missing = [name for name in ("workspace.yaml", "channels") if not (settings.root / name).exists()]
    if missing:
        return Check(
            "project",
            "fail",
            f"{settings.root} has no {' and no '.join(missing)}",
            "Change to the project's folder, the one that holds workspace.yaml.",
        )
    try:
        settings.var_dir.mkdir(exist_ok=True)
        probe = settings.var_dir / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Check(
            "project",
            "fail",
            f"{settings.var_dir} cannot be written: {error.strerror}",
            "Make it writable.",
        )
    return Check("project", "ok", f"{settings.root} ({settings.world} world)")


def check_channels(files: ChannelFiles) -> Check:
    """Look at every channel file."""
    problems = files.problems()
    if problems:
        text = "; ".join(str(problem) for problem in problems)
        of_packages = all(isinstance(problem, VendorProblem) for problem in problems)
        step = UPDATE_IT if of_packages else "Fix the files; `dayreel channels validate` checks them again."
        return Check("channels", "fail", text, step)
    names = files.names()
    if not names:
        return Check("channels", "warn", "there is no channel", "Copy one of channels/*.example to channels/NAME.yaml.")
    return Check("channels", "ok", ", ".join(names))


def check_times(channels: Mapping[str, Channel], zone: str, first: date) -> list[Check]:
    """Look at each `make_at` over a year: whether its day has begun in DAYREEL_TIMEZONE, and what changes of the clocks
    do to it. Where nothing is odd, there is nothing to report.
    """
    checks = []
    for name, channel in channels.items():
        try:
            check_zones({name: channel}, zone, first)
        except ConfigurationError as error:
            checks.append(Check(f"time of {name}", "fail", error.message, error.next_step))
            continue
        changes = changes_of_make_at(channel, first)
        if changes:
            days = ", ".join(f"{shown} on {day}" for day, shown in changes.items())
            detail = (
                f"the clocks of {channel.timezone} show {channel.make_at} {days}; it is made once on those days too"
            )
            checks.append(Check(f"time of {name}", "warn", detail, "Another make_at is never off by an hour."))
    return checks


def check_sources(settings: Settings, channels: Mapping[str, Channel]) -> list[Check]:
    """Look whether the calendars, the footage and the brand's files that channels name are there."""
    checks = []
    for name, channel in channels.items():
        wanted = {
            os.path.relpath(path, settings.root): path for path in named_files(settings.channels_dir, channel).values()
        }
        missing = [part for part, path in wanted.items() if not path.exists()]
        if not missing and (covers := cover_problems(settings, channel)):
            step = "Put another picture there, or choose a frame with `cover_at_s`."
            checks.append(Check(f"covers of {name}", "fail", "; ".join(covers), step))
        if fonts := font_problem(settings, channel):
            checks.append(Check(f"captions of {name}", "fail", fonts, HOW_TO_SHOW))
        if scenes := scene_problem(channel):
            checks.append(Check(f"in-points of {name}", "fail", scenes, HOW_TO_FIND_SCENES))
        if missing:
            step = "Put it there, or correct its path (relative to the channel file)."
            checks.append(Check(f"sources of {name}", "fail", f"{', '.join(missing)} is not there", step))
        elif wanted:
            checks.append(Check(f"sources of {name}", "ok", ", ".join(wanted)))
    return checks


def check_env_file(path: Path) -> list[Check]:
    """Look for names in `.env` that do nothing there; without any, there is nothing to report."""
    wrong = []
    known = {f"DAYREEL_{field}".upper() for field in Settings.model_fields}
    known |= {setting.variable for vendor in vendors() for setting in vendor.settings}
    for name in dotenv_values(path, interpolate=False) if path.is_file() else ():
        if name in {key.variable for key in keys().values()}:
            wrong.append(f"{name} holds only in the environment itself, or as a setting (`dayreel config list`)")
        elif name.startswith("DAYREEL_") and name not in known:
            wrong.append(f"{name} is not a setting")
    if not wrong:
        return []
    step = "Take it out; .env.example has every name, and caps and switches are set with `dayreel config set`."
    return [Check("env file", "warn", "; ".join(wrong), step)]


def check_vendors() -> list[Check]:
    """Look for vendors of other packages that cannot be used; without any, there is nothing to report."""
    step = f"{UPDATE_IT} Nothing else is affected."
    return [
        Check(f"vendor {vendor.name}", "warn", f"{vendor.distribution}: {vendor.reason}", step) for vendor in unusable()
    ]


def check_keys(settings: Settings, channels: Mapping[str, Channel]) -> list[Check]:
    """Look whether every variable that the live world needs is set, per channel; values are never shown."""
    wanted = {name: [*making_vendors(channel), *channel.platforms.chosen()] for name, channel in channels.items()}
    checks = []
    try:
        notifiers = [name for name in notifier_routes(settings).everyone() if vendor_named(name).settings]
    except ConfigurationError as error:
        checks, notifiers = [Check("notifications", "fail", error.message, error.next_step)], []
    if notifiers:
        wanted["notifications"] = notifiers
    footage = footage_hooks(settings)
    titles = [] if footage is None else footage.vendors(settings)
    if titles:
        wanted["own footage"] = titles
    return [*(_keys(settings, name, vendors) for name, vendors in wanted.items()), *checks]


def making_vendors(channel: Channel) -> list[str]:
    """Return the vendors that a channel's day is made by, in the order in which they are needed."""
    voices = channel.narration.voices if channel.narration is not None else ()
    parts = (channel.ideas, channel.prompts, channel.video, *voices)
    used = [part.provider for part in parts if part is not None and part.provider != "calendar"]
    return list(dict.fromkeys(used))


def missing_keys(settings: Settings, vendors: Iterable[str]) -> list[str]:
    """Return each variable that the live world needs for these vendors and that is not set, as `VARIABLE (vendor)`."""
    return [
        f"{variable} ({vendor})"
        for vendor in vendors
        for variable in vendor_named(vendor).needs_given(settings.variable)
        if settings.variable(variable) is None
    ]


def _keys(settings: Settings, subject: str, vendors: list[str]) -> Check:
    missing = missing_keys(settings, vendors)
    name = f"keys of {subject}"
    if missing:
        step = "Put them into .env; .env.example says where each comes from."
        return Check(name, "fail", f"not set: {', '.join(missing)}", step)
    needed = [name for vendor in vendors for name in vendor_named(vendor).needs_given(settings.variable)]
    return Check(name, "ok", ", ".join(needed) or "none needed")


def check_sandbox(settings: Settings) -> Check:
    """Look whether the sandbox world answers, or can be started."""
    if settings.sandbox_url is not None:
        try:
            requests.get(f"{settings.sandbox_url}/_world", timeout=_ASK_TIMEOUT_S).raise_for_status()
        except requests.RequestException as error:
            step = "Start that world, or leave DAYREEL_SANDBOX_URL empty to use the project's own."
            return Check("sandbox world", "fail", f"{settings.sandbox_url} does not answer: {error}", step)
    sandbox = find_sandbox(settings)
    if sandbox is not None:
        return Check("sandbox world", "ok", f"answers at {sandbox}, preset {preset_of(sandbox)}")
    holder = None if settings.sandbox_port is None else who_listens(settings.sandbox_port)
    if holder is not None:
        step = "Stop that, or choose another port with DAYREEL_SANDBOX_PORT."
        return Check("sandbox world", "fail", f"its port {holder.port} is taken by {holder}", step)
    return Check("sandbox world", "ok", "not running; the first command that needs it starts it")


def check_prices(settings: Settings, channels: Mapping[str, Channel]) -> Check:
    """Look whether every model in use has a price: without one nothing can be reserved for it."""
    try:
        models = ModelList(settings.root)
    except ConfigurationError as error:
        return Check("prices", "fail", error.message, error.next_step)
    now_at = SystemClock().now()
    used: set[str] = set()
    missing: list[ConfigurationError] = []
    for channel in channels.values():
        for model, problem in usable(models, channel, local_day(now_at, channel.timezone)):
            used.add(model)
            missing += [problem] if problem else []
    if missing:
        return Check("prices", "fail", " ".join(price.message for price in missing), missing[0].next_step)
    return Check("prices", "ok", ", ".join(sorted(used)) or "none needed")


def check_models(settings: Settings, channels: Mapping[str, Channel]) -> list[Check]:
    """Look whether the models in use can make what channels ask of them, and for how long they are offered."""
    try:
        models = ModelList(settings.root)
    except ConfigurationError:
        return []  # `check_prices` says it
    findings = ending_models(models, channels.values(), SystemClock().now())
    for name, channel in channels.items():
        model = models.find(channel.video.provider, channel.video.model or "")
        if not isinstance(model, VideoModel):
            continue
        words = VideoPrompt(video_prompt="x", audio_prompt="x")
        try:
            request = segment_request(settings, channel, words)
            check_request(request, model)
        except ConfigurationError as error:
            findings.append(Check(f"segments of {name}", "fail", error.message, error.next_step))
            continue
        unsure = doubts(request, model)
        if "aspect_ratio" not in model.fields and not model.needs and request.aspect_ratio not in model.aspect_ratios:
            unsure.append(f"it makes {', '.join(model.aspect_ratios)}, which is cut to {request.aspect_ratio}")
        if unsure:
            step = "Try one day, or choose a model whose limits are known: docs/reference/models.md."
            findings.append(Check(f"segments of {name}", "warn", f"{model.model}: {'; '.join(unsure)}", step))
    return findings or [Check("models", "ok", "each can make what its channel asks of it")]


def check_platforms(channels: Mapping[str, Channel]) -> list[Check]:
    """Look whether a channel asks for more posts or hashtags than a platform takes, or is said to take."""
    findings = []
    for name, channel in channels.items():
        for platform, fields in channel.platforms.chosen().items():
            takes = platform_named(platform)
            most, listed, reported = takes.limits.posts_per_day, len(fields.hashtags), takes.captions.reported_hashtags
            if most is not None and channel.max_posts_per_day > most:
                words = f"max_posts_per_day is {channel.max_posts_per_day}, and {platform} takes about {most} a day"
                findings.append(Check(f"posts of {name}", "warn", words, "Lower it in the channel file."))
            if reported is not None and listed > reported and takes.captions.reported_by is not None:
                words = f"{listed} hashtags for {platform}, said to take {reported}: the last ones are left out"
                step = f"Put the best ones first ({takes.captions.reported_by.source})."
                findings.append(Check(f"hashtags of {name}", "warn", words, step))
    return findings


def ending_models(models: ModelList, channels: Iterable[Channel], now_at: datetime) -> list[Check]:
    """Return a finding for each model in use that ends within 30 days, or has ended."""
    findings: dict[str, Check] = {}
    for channel in channels:
        today = local_day(now_at, channel.timezone)
        voices = channel.narration.voices if channel.narration is not None else ()
        for part in (channel.ideas, channel.prompts, channel.video, *voices):
            model = models.find(part.provider, part.model) if part is not None and part.model is not None else None
            if model is None or not (words := ending(model, today)):
                continue
            is_over = model.ends_on is not None and model.ends_on < today
            step = (
                "Change the model in the channel files that use it; `dayreel doctor` looks whether the other one fits."
            )
            findings[model.model] = Check(f"model {model.model}", "fail" if is_over else "warn", words, step)
    return list(findings.values())


def check_catalog(settings: Settings) -> Check:
    """Look whether the catalog answers and which schema it has; upgrades and creates nothing."""
    catalog = Catalog(settings.catalog)
    where = catalog.engine.url.render_as_string(hide_password=True)
    if _is_missing(catalog):
        return Check("catalog", "ok", f"{where} is not there yet; the first command that needs it makes it")
    try:
        level = schema_level(catalog)
    except StoreError as error:
        return Check("catalog", "fail", error.message, error.next_step)
    except DBAPIError as error:
        step = "Put back a copy of it, or move it away; manifests and the decision log stay."
        return Check("catalog", "fail", f"{where} cannot be read: {error.orig}", step)
    finally:
        catalog.close()
    return _level(where, level)


def _is_missing(catalog: Catalog) -> bool:
    file = catalog.engine.url.database if catalog.is_sqlite else None
    return file is not None and file != ":memory:" and not Path(file).is_file()


def check_outcomes(settings: Settings) -> list[Check]:
    """Look whether anything is held, and the outcome of every act known; an older catalog is left as it is."""
    with closing(Catalog(settings.catalog)) as catalog:
        if _is_missing(catalog) or schema_level(catalog) != HEAD:
            return []
        records = Records(settings, SystemClock(), catalog)
        unknown, held = unknown_outcomes(records).here, holds(records).notices()
    checks = [Check("held", "warn", reason, next_step) for reason, next_step in held]
    if not unknown:
        return [*checks, Check("outcomes", "ok", "the outcome of every act is known")]
    which = ", ".join(f"effect {effect.effect_id} ({effect.kind} at {effect.target})" for effect in unknown)
    return [*checks, Check("outcomes", "warn", f"not known: {which}", "`dayreel reconcile` looks them up.")]


def check_backup(settings: Settings, now: datetime | None = None) -> list[Check]:
    """Look whether the catalog was backed up within a day; a younger one may wait."""
    now = now or SystemClock().now()
    with closing(Catalog(settings.catalog)) as catalog:
        if _is_missing(catalog) or schema_level(catalog) != HEAD:
            return []
        with catalog.read() as connection:
            oldest, newest = oldest_content_at(connection), newest_backup_at(connection)
    if oldest is None or oldest > now - _DAY or (newest is not None and newest > now - _DAY):
        return []
    last = "there is none" if newest is None else f"the last one is of {newest:%Y-%m-%d %H:%M} UTC"
    step = "`dayreel backup FOLDER`, or set DAYREEL_BACKUP_DIR for one a day."
    return [Check("backup", "warn", f"the catalog has no backup of the last day: {last}", step)]


def _level(where: str, level: str | None) -> Check:
    if level == HEAD:
        return Check("catalog", "ok", f"{where}, schema {level}")
    if level is None or level < HEAD:
        step = "Nothing to do: the next command that opens it brings it up to date."
        return Check("catalog", "warn", f"{where} has schema {level or 'none'}, and this dayreel has {HEAD}", step)
    step = "Use the dayreel that made it: an older one would not understand what is there."
    return Check("catalog", "fail", f"{where} has schema {level}, newer than this dayreel's {HEAD}", step)


def check_ports(settings: Settings) -> list[Check]:
    """Look whether the desk's port is free or this project's own, and whether a Dagster answers on an open port."""
    holder = who_listens(settings.desk_port)
    if holder is None:
        checks = [Check("desk port", "ok", f"{settings.desk_port} is free")]
    elif holder.folder == settings.root:
        checks = [Check("desk port", "ok", f"this project answers on {holder.port} (process {holder.pid})")]
    else:
        step = "Stop that, or choose another with DAYREEL_DESK_PORT, before `dayreel up`."
        checks = [Check("desk port", "warn", f"{holder.port} is taken by {holder}", step)]
    dagster = who_listens(settings.webserver_port)
    if dagster is not None and "dagster" in (dagster.name or ""):
        exposure = f"it answers everybody on port {dagster.port}, any page in a browser of this machine too ({dagster})"
        step = "Stop it where that matters: `dayreel up` serves Dagster behind the desk, with logins."
        checks.append(Check("dagster web server", "warn", exposure, step))
    return checks
