"""What goes first in Dagster's queue, and what shares its places: priorities of jobs and sensors, pools of assets.

See https://docs.dagster.io/guides/operate/managing-concurrency. A priority orders runs that wait; a run that works is
never stopped for another. So every kind of work but posts has a pool, which counts whole runs (`granularity: run` in
dagster.yaml), and `max_concurrent_runs` is more than these pools together: posts find a place. Only segments that
people materialize alone, without the video they are for, come on top. What each pool admits is dagster.yaml's
`default_limit`, or `dagster instance concurrency set POOL N`.
"""

from collections.abc import Mapping

_TAG = "dagster/priority"
POSTS: Mapping[str, str] = {_TAG: "30"}
UPKEEP: Mapping[str, str] = {_TAG: "20"}
"""Messages to people, and looking up what is in doubt."""
MAKES: Mapping[str, str] = {_TAG: "10"}
MARTS: Mapping[str, str] = {_TAG: "-10"}

MAKE_POOL = "compose"
"""Every run that makes a video composes one, so this limits makes, however long each waits for its vendors."""
ANALYTICS_POOL = "analytics"
UPKEEP_POOL = "upkeep"
FOOTAGE_POOL = "footage"
SHARED_POOLS = (MAKE_POOL, ANALYTICS_POOL, UPKEEP_POOL, FOOTAGE_POOL)


def segments_pool(provider: str) -> str:
    """Return the pool of what one generation service makes: vendors queue by account, so its channels share one."""
    return f"segments_{provider}"


def post_pool(platform: str) -> str:
    """Return the pool of one platform's posts: one that is slow holds up no other."""
    return f"post_{platform}"
