/*
marts: {finance/projection: day}
grain: one day and world in which something was made or spent this month so far; if in none, the project's
key: [day, world]
least_rows: 1
given: [caps]
after: [finance/spend]
reads:
  effects: (reserved_usd > 0 or settled_usd > 0) and spent_on >= :month_from and spent_on <= :last_on
  content: day >= :month_from and day <= :last_on
checks:
  amounts_are_not_negative: least(spent_usd, cap_day_usd, cap_month_usd) >= 0
  projection_covers_what_was_spent: spent_usd <= month_to_date_usd and month_to_date_usd <= projected_month_usd
*/
with amounts as (
    select spent_on, world, coalesce(settled_usd, reserved_usd) as usd from effects
    union all
    select day, world, 0 from content
),
worlds as (
    select days.day, coalesce(world, getvariable('world')) as world, usd, spent_on
    from days
    left join amounts on spent_on >= date_trunc('month', days.day) and spent_on <= days.day
)
select
    day,                                                         -- day: the day, in DAYREEL_TIMEZONE
    world,                                                       -- text: `sandbox` (no real money) or `live`
    coalesce(sum(usd) filter (spent_on = day), 0) as spent_usd,  -- usd: spent or held on this day
    cap_day_usd,                                                 -- usd: the cap of one day, as it was set when the day ended
    coalesce(sum(usd), 0) as month_to_date_usd,                  -- usd: spent or held from the first of the month to this day
    round_even(month_to_date_usd * 1e6 * day(last_day(day)) / day(day), 0) / 1e6 as projected_month_usd,  -- usd: month to date x days of the month / days so far
    cap_month_usd,                                               -- usd: the cap of one month, as it was set when the day ended
    projected_month_usd::decimal(12, 6) > cap_month_usd as is_over,  -- flag: whether the projection is above the cap of the month
    world = 'sandbox' as simulated                               -- flag: true for everything of the sandbox world
from worlds
join caps using (day)
group by day, world, cap_day_usd, cap_month_usd
