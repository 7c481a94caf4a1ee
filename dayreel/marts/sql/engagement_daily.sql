/*
marts: {engagement/daily: day}
grain: one post on one day on which it should have been measured
key: [day, post_row_id]
uses: [posts]
after: [snapshots]
reads:
  platform_posts: posted_on > :window_from and posted_on <= :window_until
  content: id in (select content_id from platform_posts where posted_on > :window_from and posted_on <= :window_until)
  metric_snapshots:
    - observed_on >= :day_before and observed_on <= :last_on
    - >-
      id in (select (select s.id from metric_snapshots s where s.post_row_id = p.id and s.observed_on < :day_before
      order by s.observed_at desc, s.id desc limit 1) from platform_posts p
      where p.posted_on > :window_from and p.posted_on <= :window_until
      and p.id not in (select post_row_id from metric_snapshots where observed_on = :day_before))
  processing_logs: layer = 'measurement' and started_at >= :starts_at and started_at < :ends_at
checks:
  status_is_known: status in ('measured', 'missing')
  missing_has_a_reason: (status = 'missing') = (reason is not null)
  missing_is_null_not_zero: status = 'measured' or (views is null and views_gained is null)
  totals_are_not_negative: least(views, reach, likes, comments, shares, saves, watch_time_s, age_h, hours_covered) >= 0
  more_is_not_negative: least(engaged_views, reposts, follows, average_watch_s) >= 0 and skip_rate between 0 and 1
  total_is_gained_less_taken_back: >-
    if(since_at = posted_at, views = views_gained - views_taken_back, views >= views_gained - views_taken_back)
    and if(since_at = posted_at, likes = likes_gained - likes_taken_back, likes >= likes_gained - likes_taken_back)
    and if(since_at = posted_at, reach = reach_gained - reach_taken_back, reach >= reach_gained - reach_taken_back)
  gained_or_taken_back: views_gained >= 0 and views_taken_back >= 0 and views_gained * views_taken_back = 0
*/
-- Platforms report totals. A day's gain is its last total minus the last one before it; a total that fell is not a
-- negative gain but `taken_back`, so that total = sum(gained) - sum(taken_back) whatever a platform does.
with ends as (  -- the last snapshot of each post and day, by when it was observed and not by when it arrived
    select *, row_number() over (partition by post_row_id order by observed_at) as number
    from (
        select *, count(distinct observed_at) over (partition by post_row_id, observed_on) as pulls
        from metric_snapshots
        qualify row_number() over (partition by post_row_id, observed_on order by observed_at desc, id desc) = 1
    )
),
asked as (  -- when a platform was last asked on a day, and answered
    select observed_on as day, platform, max(observed_at) as asked_at from metric_snapshots group by all
),
failures as (
    select day, metadata ->> 'platform' as platform, arg_max(coalesce(error_message, 'no reason was given'), id) as error
    from processing_logs
    join days on started_at >= starts_at and started_at < ends_at
    where status = 'failed'
    group by all
),
unread as (  -- why a post that was asked for has no counters; before 0.1.0 the ids stood there without a reason
    select day, metadata ->> 'platform' as platform, missing.key as post_id, arg_max(missing.value ->> '$', processing_logs.id) as error
    from processing_logs
    join days on started_at >= starts_at and started_at < ends_at
    cross join json_each(metadata -> 'missing') as missing
    where json_type(metadata -> 'missing') = 'OBJECT'
    group by all
),
window_posts as (  -- a channel's calendar may be a day ahead of the project's
    select day, posts.*, asked_at, day in (select day from asked) as is_any_asked
    from days
    join posts on posted_on > day - getvariable('window_days')::int and posted_on <= day + 1
    left join asked using (day, platform)
)
select
    now.id is not null as is_measured, before.id is null as is_first,
    day,                                                        -- day: day of the measurement, in DAYREEL_TIMEZONE
    channel,                                                    -- text: channel of the content
    post.content_id,                                            -- text: the content that was posted
    post.platform,                                              -- text: where it was posted
    post.post_row_id,                                           -- int: the post (catalog: platform_posts.id)
    post.post_id,                                               -- text: the platform's id of the post
    if(is_measured, 'measured', 'missing') as status,           -- text: `measured`, or `missing`: then every number is null, never 0
    case
        when is_measured then null
        when asked_at is not null then coalesce(unread.error, getvariable('not_answered'))
        when failures.error is not null then failures.error
        when is_any_asked then format('no {} post was measured on this day', post.platform)
        else 'nothing was measured on this day'
    end as reason,                                              -- text: why it is missing; null when measured
    posted_at,                                                  -- moment: when it went out (UTC)
    now.observed_at,                                            -- moment: the last time the platform was asked on this day (UTC); null: missing
    now.age_h,                                                  -- float: hours since it went out, at `observed_at`; null: missing
    if(is_measured, coalesce(before.observed_at, posted_at), null) as since_at,  -- moment: what gains count from: the snapshot before, else `posted_at`; null: missing
    hours_between(since_at, now.observed_at) as hours_covered,  -- float: hours between `since_at` and `observed_at`; far over 24 after a gap; null: missing
    coalesce(now.pulls, 0) as pulls,                            -- int: distinct moments at which it was measured on this day; 0: missing
    now.views,                                                  -- int: views in total, as reported; null: not reported
    gained(now.views, before.views, is_first) as views_gained,  -- int: views gained since `since_at`, never negative; null: not known
    taken_back(now.views, before.views, is_first) as views_taken_back,  -- int: views by which the total fell since then; null: not known
    now.reach,                                                  -- int: reach in total, as reported; null: not reported
    gained(now.reach, before.reach, is_first) as reach_gained,  -- int: reach gained since `since_at`, never negative; null: not known
    taken_back(now.reach, before.reach, is_first) as reach_taken_back,  -- int: reach by which the total fell since then; null: not known
    now.likes,                                                  -- int: likes in total, as reported; null: not reported
    gained(now.likes, before.likes, is_first) as likes_gained,  -- int: likes gained since `since_at`, never negative; null: not known
    taken_back(now.likes, before.likes, is_first) as likes_taken_back,  -- int: likes by which the total fell since then; null: not known
    now.comments,                                               -- int: comments in total, as reported; null: not reported
    gained(now.comments, before.comments, is_first) as comments_gained,  -- int: comments gained since `since_at`, never negative; null: not known
    taken_back(now.comments, before.comments, is_first) as comments_taken_back,  -- int: comments by which the total fell since then; null: not known
    now.shares,                                                 -- int: shares in total, as reported; null: not reported
    gained(now.shares, before.shares, is_first) as shares_gained,  -- int: shares gained since `since_at`, never negative; null: not known
    taken_back(now.shares, before.shares, is_first) as shares_taken_back,  -- int: shares by which the total fell since then; null: not known
    now.saves,                                                  -- int: saves in total, as reported; null: not reported
    gained(now.saves, before.saves, is_first) as saves_gained,  -- int: saves gained since `since_at`, never negative; null: not known
    taken_back(now.saves, before.saves, is_first) as saves_taken_back,  -- int: saves by which the total fell since then; null: not known
    now.watch_time_s,                                           -- float: seconds watched in total, as reported; null: not reported
    gained(now.watch_time_s, before.watch_time_s, is_first) as watch_time_s_gained,  -- float: seconds watched gained since `since_at`, never negative; null: not known
    taken_back(now.watch_time_s, before.watch_time_s, is_first) as watch_time_s_taken_back,  -- float: seconds watched by which the total fell since then; null: not known
    now.engaged_views,                                          -- int: {engaged_views}, in total, as reported; null: not reported
    now.reposts,                                                -- int: {reposts}, in total, as reported; null: not reported
    now.follows,                                                -- int: {follows}, in total, as reported; null: not reported
    now.average_watch_s,                                        -- float: {average_watch_s}, as reported; null: not reported
    now.skip_rate,                                              -- float: {skip_rate}, as reported; null: not reported
    post.simulated                                              -- flag: true for everything of the sandbox world
from window_posts as post
left join failures using (day, platform)
left join unread using (day, platform, post_id)
left join ends as now on now.post_row_id = post.post_row_id and now.observed_on = day
left join ends as before on before.post_row_id = now.post_row_id and before.number = now.number - 1
-- Missing is what was out when its platform was asked; where none was, what was out before the day began.
where is_measured or posted_at <= asked_at or (asked_at is null and posted_on < day)
