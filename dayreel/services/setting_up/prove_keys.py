"""Proving keys: every vendor in use is asked one free question, and each answer becomes a line a person reads."""

from collections.abc import Mapping, Sequence

from dayreel.errors import ConfigurationError, ProviderError, TransientError
from dayreel.schemas.channel import Channel
from dayreel.schemas.check import Check
from dayreel.schemas.posts import PostFields
from dayreel.services.footage_hooks import footage_hooks
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.project import opened_project
from dayreel.settings import Settings
from dayreel.stores.channel_files import ChannelFiles
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named, vendors


def prove_keys(settings: Settings) -> list[Check]:
    """Ask every vendor that a channel uses, and every notifier; costs nothing and changes nothing.

    Raises:
        ConfigurationError, StoreError: a channel file, the catalog or the sandbox world cannot be used.
    """
    wanted = vendors_in_use(settings, ChannelFiles(settings.channels_dir).load_all())
    with opened_project(settings) as project:
        return [prove(project.access, vendor, models) for vendor, models in wanted.items()]


def prove(access: Access, vendor: str, models: Sequence[str]) -> Check:
    """Ask one vendor.

    Args:
        models: those that channels want from it.
    """
    name = f"live {vendor}"
    ask = vendor_named(vendor).prove
    if ask is None:
        return Check(name, "ok", "has no key to prove")
    try:
        proof = ask(access, models)
    except TransientError as error:
        return Check(name, "warn", error.message, error.next_step or "Try again later.")
    except (ProviderError, ConfigurationError) as error:
        return Check(name, "fail", error.message, error.next_step)
    if proof.problem:
        return Check(name, "fail", "; ".join(part for part in (proof.found, proof.problem) if part), proof.next_step)
    return Check(name, "ok", proof.found)


def rehearse_first_day(settings: Settings) -> list[Check]:
    """Go as far towards each channel's posts as nothing is posted or paid, and list what no question shows.

    Raises:
        ConfigurationError, StoreError: a channel file, the catalog or the sandbox world cannot be used.
    """
    channels = ChannelFiles(settings.channels_dir).load_all()
    with opened_project(settings) as project:
        checks = [
            rehearse(project.access, name, fields, of=channel.name)
            for channel in channels.values()
            for name, fields in channel.platforms.chosen().items()
            if vendor_named(name).rehearse
        ]
    for name in vendors_in_use(settings, channels):
        notes = vendor_named(name).first_day
        checks += [Check(f"first day {name}", "warn", note.problem, note.next_step) for note in notes]
    return checks


def rehearse(access: Access, vendor: str, fields: PostFields, *, of: str) -> Check:
    """Rehearse a post of one channel on one platform."""
    name, act = f"first post {of} {vendor}", vendor_named(vendor).rehearse
    if act is None:
        return Check(name, "ok", "has nothing to rehearse")
    try:
        return Check(name, "ok", act(access, fields).found)
    except TransientError as error:
        return Check(name, "warn", error.message, error.next_step or "Try again later.")
    except (ProviderError, ConfigurationError) as error:
        return Check(name, "fail", error.message, error.next_step)


def vendors_in_use(settings: Settings, channels: Mapping[str, Channel]) -> dict[str, list[str]]:
    """Return every vendor that a channel, own footage or a notification uses, with the models channels want from it."""
    wanted: dict[str, list[str]] = {}
    for channel in channels.values():
        voices = channel.narration.voices if channel.narration is not None else ()
        for part in (channel.ideas, channel.prompts, channel.video, *voices):
            if part is not None and part.provider != "calendar":
                known = wanted.setdefault(part.provider, [])
                known += [part.model] if part.model and part.model not in known else []
        for vendor in channel.platforms.chosen():
            wanted.setdefault(vendor, [])
    footage = footage_hooks(settings)
    wanted |= {} if footage is None else {vendor: [] for vendor in footage.vendors(settings)}
    if settings.world == "sandbox":
        return {**wanted, **{name: [] for name in notifier_routes(settings).everyone()}}
    used = [name for vendor in wanted if (uses := vendor_named(vendor).uses) for name in uses(settings.variable)]
    notifiers = [vendor.name for vendor in vendors("notifiers") if vendor.needs and vendor.is_set_up(settings.variable)]
    return {**wanted, **{vendor: [] for vendor in (*used, *notifiers)}}
