"""A post as the catalog has it, written straight into the tables, for tests that begin where a post is out."""

from datetime import date

from sqlalchemy import insert

from dayreel.services.studio import Studio
from dayreel.stores.catalog.tables import content, decisions, effects, platform_posts


def write_post(studio: Studio, day: date, number: int, platform: str = "instagram") -> str:
    """Write down that `crafts` posted its content of a day just now, as post `p<number>`; return the content's id."""
    name, now = f"crafts-{day}", studio.clock.now()
    with studio.catalog.write() as connection:
        common = {"content_id": name, "day": day, "channel": "crafts", "world": "sandbox"}
        connection.execute(
            insert(content).values(
                id=name, channel="crafts", day=day, take=1, world="sandbox", state="posted",
                idea=f"Idea number {number}", storage_path=name, created_at=now, updated_at=now,
            )
        )  # fmt: skip
        connection.execute(
            insert(effects).values(
                **common, id=number, kind="post", target=platform, sequence=1, fingerprint=str(number),
                layer="distribution", state="confirmed", request={}, handle={}, result={}, reserved_usd=0,
                created_at=now,
            )
        )  # fmt: skip
        connection.execute(
            insert(decisions).values(
                id=number, content_id=name, verdict="approved", revision=1, video_sha256="x", caption="c", fields={},
                decided_by="ana", via="cli", decided_at=now,
            )
        )  # fmt: skip
        connection.execute(
            insert(platform_posts).values(
                id=number, content_id=name, platform=platform, account="a", effect_id=number, decision_id=number,
                state="posted", post_id=f"p{number}", video_sha256="x", posted_at=now, posted_on=day, updated_at=now,
            )
        )  # fmt: skip
    return name
