"""`dayreel why`: one page from view count back to prompt. Never imports Dagster, and starts nothing."""

import json
from datetime import datetime
from typing import Any

import click

from dayreel.cli.output import print_json
from dayreel.queries.story import Story, StoryPost, find_content_id, story_of
from dayreel.records import opened_records
from dayreel.schemas.manifest import Override
from dayreel.schemas.metric import METRICS


@click.command("why")
@click.argument("content_or_url", metavar="CONTENT_OR_URL")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(content_or_url: str, as_json: bool) -> None:
    """Show why something is online, or why it is not: from its posts back to its prompts."""
    with opened_records() as records:
        story = document_of(story_of(records, find_content_id(records, content_or_url)))
    if as_json:
        print_json(story)
        return
    for line in page(story):
        click.echo(line)


def document_of(story: Story) -> dict[str, Any]:
    """Return a story as the one JSON document that `--json` promises."""
    row, manifest = story.row, story.manifest
    dumped = {} if manifest is None else manifest.model_dump(mode="json")
    prompts = dumped.get("prompts") or {"prompts": []}
    document = {
        "content_id": row.id,
        "channel": row.channel,
        "date": row.day,
        "take": row.take,
        "world": row.world,
        "state": row.state,
        "error": row.error,
        "revision": row.revision,
        "cost_usd": dict(story.costs),
        "posts": [_post_document(post) for post in story.posts],
        "decisions": [
            {name: value for name, value in vars(decision).items() if name not in ("content_id", "words")}
            | {"is_for_the_video_there_is": decision.video_sha256 == row.video_sha256}
            for decision in story.decisions
        ],
        "waivers": [
            {name: value for name, value in vars(waiver).items() if name != "content_id"}
            | {"is_for_the_video_there_is": waiver.video_sha256 == row.video_sha256}
            for waiver in story.waivers
        ],
        "video": dumped.get("final_video"),
        "segments": dumped.get("segments", []),
        "renders": [vars(render) for render in story.renders],
        "narration": dumped.get("narration"),
        "prompts": [{"segment": number, **prompt} for number, prompt in enumerate(prompts["prompts"], start=1)],
        "idea": dumped.get("idea"),
        "stages": {name: stage.model_dump(mode="json") for name, stage in story.stages},
        "overrides": {name: override.model_dump(mode="json") for name, override in story.overrides.items()},
        "effects": [vars(effect) for effect in story.effects],
        "runs": [vars(run) for run in story.runs],
        "log": [
            {**{name: value for name, value in vars(line).items() if name != "more"}, **line.more} for line in story.log
        ],
        "transitions": [vars(transition) for transition in story.transitions],
    }
    plain: dict[str, Any] = json.loads(json.dumps(document, default=_plain))
    return plain


def _post_document(post: StoryPost) -> dict[str, Any]:
    row = post.row
    return {
        "platform": row.platform,
        "account": row.account,
        "state": row.state,
        "url": row.post_url,
        "post_id": row.post_id,
        "posted_at": row.posted_at,
        "video_sha256": row.video_sha256,
        "effect_id": row.effect_id,
        "decision_id": row.decision_id,
        "error": row.error_message,
        "snapshots": [vars(snapshot) for snapshot in post.snapshots],
    }


def _plain(value: Any) -> str:
    """Return what JSON has no word for: moments to the second, days, dollars."""
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def page(story: dict[str, Any]) -> list[str]:
    """Return the page as lines: what people see first comes first, and everything under it is what that rests on."""
    money = ", ".join(f"{layer} ${usd}" for layer, usd in sorted(story["cost_usd"].items()))
    lines = [
        f"{story['content_id']} is {story['state']} (revision {story['revision']}, {story['world']} world)",
        f"  cost: {money or 'nothing'}",
    ]
    if story["error"]:
        lines.append(f"  error: {story['error']}")
    for title, part in (
        ("Online", _posts(story)),
        ("Decided", _decisions(story)),
        ("Waived checks", _waivers(story)),
        ("The video", _video(story)),
        ("Segments", _segments(story)),
        ("Narration", _narration(story)),
        ("Prompts", _prompts(story)),
        ("The idea", _idea(story)),
        ("Changed for this content alone", _overrides(story)),
        ("Acts on the outside world", _effects(story)),
        ("Runs", [f"{run['page']}  {run['did']}" for run in story["runs"]]),
        ("What happened", _transitions(story)),
    ):
        if part:
            lines += ["", title, *(f"  {line}" for line in part)]
    return lines


def _posts(story: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for post in story["posts"]:
        lines.append(
            f"{post['platform']} ({post['account']}): {post['state']} {post['url'] or post['post_id'] or ''} "
            f"{post['posted_at'] or ''} by effect {post['effect_id']}, decision {post['decision_id']}"
        )
        if post["error"]:
            lines.append(f"  {post['error']}")
        lines += [
            f"  sent: {_words(effect['sent'])}" for effect in story["effects"] if effect["id"] == post["effect_id"]
        ]
        lines += [f"  {_snapshot(snapshot)}" for snapshot in post["snapshots"]]
    return lines


def _overrides(story: dict[str, Any]) -> list[str]:
    return [
        f"{stage}: {', '.join(override.sentences())} by {override.asked_by} at {document['asked_at']}"
        for stage, document in story["overrides"].items()
        for override in [Override.model_validate(document)]
    ]


def _words(sent: dict[str, Any]) -> str:
    """Return a caption on one line, quoted, so that no character of it passes unseen."""
    return repr(sent.get("caption") or "")


def _snapshot(snapshot: dict[str, Any]) -> str:
    known = ", ".join(f"{name} {snapshot[name]}" for name in METRICS if snapshot[name] is not None)
    refused = "".join(f"; no {name}: {why}" for name, why in (snapshot["refused"] or {}).items())
    simulated = " (simulated)" if snapshot["simulated"] else ""
    return f"{snapshot['observed_at']}: {known or 'no counter was reported'}{simulated}{refused}"


def _decisions(story: dict[str, Any]) -> list[str]:
    return [
        f"{decision['decided_at']} {decision['decided_by']} {decision['verdict']} "
        f"revision {decision['revision']} via {decision['via']} "
        f"(decision {decision['id']}, video {decision['video_sha256'][:12]}"
        f"{'' if decision['is_for_the_video_there_is'] else ', not the video there is now'})"
        + (f": {decision['note']}" if decision["note"] else "")
        + (f", to {decision['caption']!r}" if decision["verdict"] == "edited" else "")
        for decision in story["decisions"]
    ]


def _waivers(story: dict[str, Any]) -> list[str]:
    return [
        f"{waiver['waived_at']} {waiver['waived_by']} waived {waiver['check_name']} "
        f"({waiver['value']}; asked: {waiver['expected']}) "
        f"via {waiver['via']}{'' if waiver['is_for_the_video_there_is'] else ', not of the video there is now'}: "
        f"{waiver['reason']}"
        for waiver in story["waivers"]
    ]


def _video(story: dict[str, Any]) -> list[str]:
    video = story["video"]
    if video is None:
        return []
    stage = story["stages"].get("final_video", {})
    checks = [
        f"{'ok  ' if check['passed'] else 'FAIL'} {check['name']}: {check['message']}" for check in video["checks"]
    ]
    return [
        f"{video['file']['path']}, sha256 {video['file']['sha256']}",
        f"{video['duration_s']} s, {video['width']}x{video['height']}, {video['loudness_lufs']} LUFS",
        f"{video['mode']}, made {video['made_at']} by {stage.get('provider', 'unknown')}",
        *checks,
    ]


def _segments(story: dict[str, Any]) -> list[str]:
    return [
        f"{segment['sequence']}: {segment['file']['path']}, {segment['provider']} "
        f"{segment['model'] or ''} seed {segment['seed']} "
        f"request {segment['request_id']}, sha256 {segment['file']['sha256'][:12]}"
        + ("" if segment["origin"] == "made" else f", made elsewhere by {segment['origin']}")
        for segment in story["segments"]
    ]


def _narration(story: dict[str, Any]) -> list[str]:
    track = story["narration"]
    if not track:
        return []
    made = story["stages"].get("narration", {}).get("parameters", {})
    instead = [f"in place of {made['fallback_for']}: {made['because']}"] if "fallback_for" in made else []
    return [f"{track['provider']} {track['voice']}, {track['duration_s']} s", *instead]


def _prompts(story: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for prompt in story["prompts"]:
        lines += [f"{prompt['segment']}: {prompt['video_prompt']}", f"   sound: {prompt['audio_prompt']}"]
    return lines


def _idea(story: dict[str, Any]) -> list[str]:
    idea = story["idea"]
    if not idea:
        return []
    stage = story["stages"].get("ideas", {})
    return [
        idea["idea"],
        f"its caption: {idea['caption']}",
        f"by {stage.get('provider')} {stage.get('model') or ''}".strip(),
    ]


def _effects(story: dict[str, Any]) -> list[str]:
    return [
        f"{effect['id']}: {effect['kind']} {effect['sequence']} at {effect['target']} "
        f"{effect['model'] or ''} {effect['state']} "
        f"${effect['cost_usd']}{'' if effect['settled'] else ' (reserved)'} {effect['sent_at'] or ''} "
        f"{effect['came_back'].get('request_id') or effect['came_back'].get('post_id') or ''}".rstrip()
        + (f": {effect['error']}" if effect["error"] else "")
        for effect in story["effects"]
    ]


def _transitions(story: dict[str, Any]) -> list[str]:
    return [
        f"{transition['at']} {transition['from_state']} -> {transition['to_state']} "
        f"({transition['event']}, {transition['trigger']}, by {transition['actor']})"
        + (f": {transition['notes']}" if transition["notes"] else "")
        for transition in story["transitions"]
    ]
