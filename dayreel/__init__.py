"""dayreel: a self-hosted factory for daily short vertical videos.

This package is the product. It never imports Dagster; the graph lives in `pipeline_assets`, `resources` and `sensors`.
Floors, high to low (higher ones import lower ones, never the reverse):

    cli                                      how people meet it
    services                                 use cases, one verb a module; the only place where state changes
    providers · stores · media · sandbox     the outside world; state at rest; ffmpeg; the stand-in world
    rules                                    pure decisions
    schemas                                  shapes
    settings · clock · errors                the ground
"""
