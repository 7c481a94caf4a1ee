"""Every prompt beside the views that its content has after seven days: a table of each channel, in pandas."""

import dagster as dg
import pandas as pd


def build_prompt_views(prompts: dg.AssetSpec) -> dg.AssetsDefinition:
    """Return the table of the channel whose prompts these are."""
    channel = prompts.key.path[0]

    @dg.asset(
        key=["team", f"prompt_views_{channel}"],
        ins={"prompts": dg.AssetIn(prompts.key), "performance": dg.AssetIn(["content", "performance"])},
        partitions_def=prompts.partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="tables",
        group_name="team",
        owners=["team:data"],
        kinds={"pandas"},
        description="One row is one prompt, with the views of its content at seven days of age; null: not known yet.",
    )
    def prompt_views(
        context: dg.AssetExecutionContext, prompts: pd.DataFrame, performance: pd.DataFrame
    ) -> dict[str, pd.DataFrame]:
        rows = prompts.merge(performance[["content_id", "state", "views_7d"]], on="content_id")
        rows = rows[["day", "channel", "content_id", "segment", "words", "video_prompt", "state", "views_7d"]]
        return {key: rows[rows["day"].astype(str) == key] for key in context.partition_keys}

    return prompt_views
