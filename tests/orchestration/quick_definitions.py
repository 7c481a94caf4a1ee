"""The graph of the working directory, for daemons that a test waits for: they hear of failed runs in seconds.

Every sensor looks as the daemon starts; the marts come no second time, as what rebuilds them is shown without a daemon.
"""

from dayreel.settings import load_settings
from pipeline_assets.definitions import build_defs
from sensors import failures, marts

failures.INTERVAL_S = 1
marts.INTERVAL_S = 3600

defs = build_defs(load_settings())
