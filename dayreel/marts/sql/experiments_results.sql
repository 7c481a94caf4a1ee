/*
marts: {experiments/results: always}
grain: one experiment of one channel and world, in one edition of its words, and pair of variants
key: [channel, experiment, edition, variant_a, variant_b, simulated]
uses: [outcomes]
given: [judge]
reads: {content/performance: all}
checks:
  counts_are_not_negative: least(n_a, n_b, days_left) >= 0 and n_a <= assigned_a and n_b <= assigned_b
  interval_holds_its_ratio: ratio > 0 and ratio between ratio_low and ratio_high
  verdict_needs_data: ratio is not null or verdict = 'not enough data'
*/
-- The statistics are `dayreel.rules.experiments`, called as a function.
with assigned as (
    -- Files of days before there were editions have neither column; all was assigned in blocks then.
    select * replace (coalesce(assigned_by, 'blocked') as assigned_by), coalesce(edition, 'before') as edition_of
    from content_performance
    where experiment is not null and variant is not null
),
editions as (
    select
        channel, experiment, edition_of as edition, simulated, min(day) as began_on,
        arg_min(detect_percent, day) as detect_percent,
        count(*) filter (assigned_by = 'blocked') / greatest(1, (select max(day) from content_performance) - min(day)) as per_day
    from assigned
    group by all
),
variants as (
    select
        channel, experiment, edition_of as edition, simulated, variant,
        count(*) filter (assigned_by = 'blocked') as assigned
    from assigned
    group by all
),
counted as (
    select
        channel, experiment, coalesce(edition, 'before') as edition, simulated, variant,
        list(outcome order by content_id) as outcomes,
        list(outcome order by content_id) filter (assigned_by = 'blocked') as blocked,
        median((outcome).views) as views, avg((outcome).usd) as usd,
        avg(((outcome).views is not null)::int) as share_out
    from outcomes
    where experiment is not null and variant is not null
    group by all
),
known as (
    select * from variants left join counted using (channel, experiment, edition, simulated, variant)
),
histories as (  -- what the channel was like before: by that alone is the horizon set
    select editions.channel, experiment, edition, editions.simulated, list(outcome order by content_id) as history
    from editions
    join (select channel, simulated, day, content_id, outcome from outcomes) as earlier
        on earlier.channel = editions.channel and earlier.simulated = editions.simulated
        and earlier.day between began_on - 90 - getvariable('mature_days') and began_on - getvariable('mature_days')
    group by all
),
judged as (
    select
        a.channel, a.experiment, a.edition, a.simulated, began_on, per_day, a.variant as variant_a, b.variant as variant_b,
        a.assigned as assigned_a, b.assigned as assigned_b, a.views as views_a, b.views as views_b,
        a.share_out as out_a, b.share_out as out_b, a.usd as usd_a, b.usd as usd_b,
        coalesce(detect_percent, 50.0) as detect_percent,
        unnest(judge(
            a.variant, coalesce(a.blocked, []), coalesce(a.outcomes, []), a.assigned,
            b.variant, coalesce(b.blocked, []), coalesce(b.outcomes, []), b.assigned,
            count(*) over (partition by a.channel, a.experiment, a.edition, a.simulated),
            coalesce(detect_percent, 50.0), coalesce(history, [])
        ))
    from known as a
    join known as b using (channel, experiment, edition, simulated)
    join editions using (channel, experiment, edition, simulated)
    left join histories using (channel, experiment, edition, simulated)
    where a.variant < b.variant
)
select
    channel,             -- text: channel
    experiment,          -- text: the experiment's name in the channel's file
    edition,             -- text: hash of its words, template, model and settings; `before`: assigned when none was taken
    began_on,            -- day: first day of this edition
    '7d' as age,         -- text: age at which views are compared: always 7d
    variant_a,           -- text: the one compared against
    variant_b,           -- text: the one compared
    assigned_a,          -- int: contents that were given A, in blocks
    assigned_b,          -- int: contents that were given B, in blocks
    n_a,                 -- int: those of A that count: ten days old, and measured if they are out
    n_b,                 -- int: those of B that count: ten days old, and measured if they are out
    is_lopsided,         -- flag: contents of one variant are missing, so that nothing can be concluded
    out_a,               -- float: share of A's contents that went out; null: none counts
    out_b,               -- float: share of B's contents that went out; null: none counts
    views_a,             -- float: median views of A's that are out; null: none
    views_b,             -- float: median views of B's that are out; null: none
    usd_a,               -- float: mean cost of A's contents, rejected ones too; null: none counts
    usd_b,               -- float: mean cost of B's contents, rejected ones too; null: none counts
    detect_percent,      -- float: the difference that the channel wants to see
    needed,              -- int: contents of both variants at which the comparison ends, set by what the channel was like before
    if(verdict = 'not enough data' and n_a + n_b < needed, ceil(greatest(0, needed - assigned_a - assigned_b) / nullif(per_day, 0)) + getvariable('mature_days'), null)
        as days_left,    -- int: days until there is an answer at the pace so far; null: it has come so far, or nothing was given in blocks
    ratio,               -- float: typical views per dollar of B over those of A, rejected contents counted as nothing; null: not enough data
    low as ratio_low,    -- float: lower end of its confidence sequence (95 % at all looks and of all pairs together); null: not enough data
    high as ratio_high,  -- float: upper end of its confidence sequence (95 % at all looks and of all pairs together); null: not enough data
    final_low,           -- float: lower end of its 95 % interval over the first `needed` contents; null: not that far
    final_high,          -- float: upper end of its 95 % interval over the first `needed` contents; null: not that far
    chance_b,            -- float: how likely B is the better one, contents chosen by that too; null: not enough data
    guardrails,          -- text: what is worse about either variant: approvals, refusals, cost; null: nothing seen
    verdict,             -- text: `B beats A`, `A beats B` (by name), `no difference seen` (at the end), `not enough data`
    simulated            -- flag: true for everything of the sandbox world, never compared with what is real
from judged
