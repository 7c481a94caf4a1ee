/*
marts: {summary/weekly: week, summary/monthly: month}
grain: one week or month (see `starts_on`), channel and world
key: [starts_on, channel, simulated]
reads: {content/performance: days, engagement/daily: days, finance/spend: days, review/outcomes: days, factory/health: days}
checks:
  counts_are_not_negative: least(made, approved, rejected, expired, failed, posts, posts_refused, posts_unknown) >= 0
  rates_are_shares: approval_rate between 0 and 1 and engagement_rate >= 0
  gains_are_not_negative: least(views_gained, likes_gained, comments_gained, shares_gained, saves_gained) >= 0
  unknown_is_part_of_spent: unknown_usd >= 0 and unknown_usd <= spent_usd
  days_are_of_the_period: days_measured between 0 and 31 and days_missing between 0 and 31
*/
with rows_of as (
    select channel, simulated from content_performance union
    select channel, simulated from engagement_daily union
    select channel, simulated from finance_spend union
    select channel, simulated from review_outcomes union
    select channel, simulated from factory_health where channel <> '*'
),
contents as (
    select
        channel, simulated, count(*) filter (verdict = 'approved') as approved,
        count(*) filter (verdict = 'rejected') as rejected, count(*) filter (state = 'failed') as failed,
        count(*) filter (
            state in ('review_pending', 'approved', 'publishing', 'posted', 'rejected', 'expired')
        ) as made,
        sum(platforms) as posts
    from content_performance
    group by all
),
reviews as (
    select
        channel, simulated, count(*) filter (verdict = 'expired') as expired,
        median(hours_to_decision) filter (verdict <> 'expired') as hours_to_decision
    from review_outcomes
    group by all
),
gains as (
    select
        channel, simulated, sum(views_gained) as views_gained, sum(likes_gained) as likes_gained,
        sum(comments_gained) as comments_gained, sum(shares_gained) as shares_gained, sum(saves_gained) as saves_gained,
        coalesce(sum(likes_gained), 0) + coalesce(sum(comments_gained), 0) + coalesce(sum(shares_gained), 0)
            + coalesce(sum(saves_gained), 0) as reactions,
        sum(views_gained) filter (
            coalesce(likes_gained, comments_gained, shares_gained, saves_gained) is not null
        ) as views_of_reactions,
        count(distinct day) filter (status = 'measured') as days_measured
    from engagement_daily
    group by all
),
gaps as (
    select
        channel, simulated, count(*) as days_missing,
        string_agg(format('{}: {}', day, reasons), ' | ' order by day) as missing
    from (
        select channel, simulated, day, string_agg(distinct reason, '; ' order by reason) as reasons
        from engagement_daily
        where status = 'missing' and reason <> getvariable('not_answered')
        group by all
    )
    group by all
),
money as (
    select channel, simulated, sum(spent_usd) as spent_usd, sum(unknown_usd) as unknown_usd from finance_spend group by all
),
sends as (
    select channel, simulated, sum(failed) as refused, sum(unknown) as unknown
    from factory_health
    where layer = 'distribution'
    group by all
),
slowest as (
    select channel, simulated, layer, median(seconds_median) as seconds
    from factory_health
    where seconds_median is not null
    group by channel, simulated, layer
    qualify row_number() over (partition by channel, simulated order by seconds desc, layer) = 1
)
select
    (select min(day) from days) as starts_on,           -- day: first day of the period (weeks begin on Monday)
    (select max(day) from days) as ends_on,             -- day: last day of the period
    channel,                                            -- text: channel
    coalesce(contents.made, 0) as made,                 -- int: contents that were made for days of the period and reached a review
    coalesce(contents.approved, 0) as approved,         -- int: of those, whose newest decision is an approval
    coalesce(contents.rejected, 0) as rejected,         -- int: of those, whose newest decision is a rejection
    coalesce(reviews.expired, 0) as expired,            -- int: reviews that ran out of time in the period
    coalesce(contents.failed, 0) as failed,             -- int: contents of the period that are failed
    coalesce(contents.posts, 0) as posts,               -- int: posts that are out, of contents of the period
    coalesce(sends.refused, 0) as posts_refused,        -- int: sends of the period that a platform refused
    coalesce(sends.unknown, 0) as posts_unknown,        -- int: sends of the period whose outcome is not known: they may be out
    contents.approved / nullif(contents.approved + contents.rejected, 0) as approval_rate,  -- float: approved / (approved + rejected); null: nothing was decided
    reviews.hours_to_decision,                          -- float: median over the decisions of the period; null: none
    gains.views_gained,                                 -- int: views gained by all posts in the period; null: nothing was measured
    gains.likes_gained,                                 -- int: likes gained by all posts in the period; null: nothing was measured
    gains.comments_gained,                              -- int: comments gained by all posts in the period; null: nothing was measured
    gains.shares_gained,                                -- int: shares gained by all posts in the period; null: nothing was measured
    gains.saves_gained,                                 -- int: saves gained by all posts in the period; null: nothing was measured
    gains.reactions / nullif(gains.views_of_reactions, 0) as engagement_rate,  -- float: likes + comments + shares + saves per view gained, of posts whose platform reported any of them; null: no such views
    coalesce(money.spent_usd, 0) as spent_usd,          -- usd: spent or held in the period
    coalesce(money.unknown_usd, 0) as unknown_usd,      -- usd: the part of it whose outcome is not known
    usd_per_1000(coalesce(money.spent_usd, 0), gains.views_gained) as usd_per_1000_views,  -- float: spent_usd per 1,000 views gained in the period; null: no views
    coalesce(gains.days_measured, 0) as days_measured,  -- int: days on which at least one post was measured
    coalesce(gaps.days_missing, 0) as days_missing,     -- int: days on which at least one platform or post could not be read
    gaps.missing,                                       -- text: those days with their reasons; null: none
    slowest.layer as slowest_layer,                     -- text: the layer with the slowest median; null: nothing has ended
    slowest.seconds as slowest_s,                       -- float: that median, in seconds; null: nothing has ended
    simulated                                           -- flag: true for everything of the sandbox world, which is never added to what is real
from rows_of
left join contents using (channel, simulated)
left join reviews using (channel, simulated)
left join gains using (channel, simulated)
left join gaps using (channel, simulated)
left join money using (channel, simulated)
left join sends using (channel, simulated)
left join slowest using (channel, simulated)
where simulated is not null  -- a file of an older shape does not say
