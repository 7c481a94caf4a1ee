"""What is counted of posts and accounts: one definition per metric, for the catalog, tables, faces and documentation.

What a platform calls it, what it counts there and since when stands in the platform's record (`PlatformMetric`).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric of a post, and the column of that name; null: the platform did not report it.

    Attributes:
        about: what it is and its unit, as a clause.
        is_total: whether it adds up since the post went out; otherwise it is an average or a share of what there is.
    """

    name: str
    kind: Literal["int", "float"]
    about: str
    is_total: bool = True


METRICS = {
    metric.name: metric
    for metric in (
        Metric("views", "int", "how often it began to play"),
        Metric("engaged_views", "int", "how often it was watched past its beginning"),
        Metric("reach", "int", "accounts that saw it"),
        Metric("likes", "int", "likes"),
        Metric("comments", "int", "comments"),
        Metric("shares", "int", "how often it was sent or shared on"),
        Metric("reposts", "int", "how often people put it into their own profile again"),
        Metric("saves", "int", "how often it was saved"),
        Metric("follows", "int", "accounts that began to follow from it"),
        Metric("watch_time_s", "float", "seconds watched, replays included"),
        Metric("average_watch_s", "float", "seconds watched in a view, on average", is_total=False),
        Metric("skip_rate", "float", "share of views, 0 to 1, that were left in the first seconds", is_total=False),
    )
}
FOLLOWERS = "followers"
"""The one metric of an account."""
