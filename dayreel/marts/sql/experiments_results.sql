/*
marts: {experiments/results: always}
grain: one experiment of one channel and world, age, and pair of variants
key: [channel, experiment, age, variant_a, variant_b, simulated]
given: [compare_views]
reads: {content/performance: all}
checks:
  counts_are_not_negative: n_a >= 0 and n_b >= 0
  interval_holds_its_ratio: ratio > 0 and ratio between ratio_low and ratio_high
  verdict_needs_data: (ratio is null) = (verdict = 'not enough data')
*/
-- The statistics are `dayreel.rules.experiments`, called as a function.
with variants as (
    select
        channel, experiment, simulated, variant, age,
        coalesce(list(views::double) filter (views is not null), []) as views
    from (
        select channel, experiment, simulated, variant, unnest(['24h', '7d', '30d']) as age,
               unnest([views_24h, views_7d, views_30d]) as views
        from content_performance
        where experiment is not null and variant is not null
    )
    group by all
)
select
    channel,             -- text: channel
    experiment,          -- text: the experiment's name in the channel's file
    age,                 -- text: age at which views are compared: 24h, 7d or 30d
    variant_a,           -- text: the one compared against
    variant_b,           -- text: the one compared
    n_a,                 -- int: contents of A with views at that age
    n_b,                 -- int: contents of B with views at that age
    views_a,             -- float: median views of A; null: none
    views_b,             -- float: median views of B; null: none
    ratio,               -- float: geometric mean of B over that of A; null: not enough data
    low as ratio_low,    -- float: lower end of its 95 % interval (of all pairs together); null: not enough data
    high as ratio_high,  -- float: upper end of its 95 % interval (of all pairs together); null: not enough data
    effect_size,         -- float: Hedges' g of log views; null: not enough data
    verdict,             -- text: `B beats A`, `A beats B` (by name), `no difference seen`, `not enough data`
    simulated            -- flag: true for everything of the sandbox world, never compared with what is real
from (
    select
        channel, experiment, age, simulated, a.variant as variant_a, b.variant as variant_b,
        list_median(a.views) as views_a, list_median(b.views) as views_b,
        unnest(compare_views(a.variant, a.views, b.variant, b.views,
                             count(*) over (partition by channel, experiment, age, simulated)))
    from variants as a
    join variants as b using (channel, experiment, age, simulated)
    where a.variant < b.variant
)
