/*
marts: {engagement/cohorts: day}
grain: one post at one age (1 h, 24 h, 7 d, 30 d), on the day a snapshot first showed it past that age
key: [day, post_row_id, mark_h]
uses: [posts, marks]
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
  effects: id in (select effect_id from platform_posts where posted_on > :window_from and posted_on <= :window_until)
checks:
  method_is_known: method in ('observed', 'interpolated', 'gap')
  gap_is_null: method <> 'gap' or (views is null and likes is null and watch_time_s is null)
  age_is_between_its_snapshots: before_h < mark_h and after_h >= mark_h
  counters_are_not_negative: >-
    least(views, reach, likes, comments, shares, saves, watch_time_s, engaged_views, reposts, follows) >= 0
  rates_are_possible: skip_rate between 0 and 1 and least(average_watch_s, completion, follows_per_1000_views) >= 0
*/
select
    observed_on as day,  -- day: observation day on which the age was passed, in DAYREEL_TIMEZONE
    channel,             -- text: channel of the content
    content_id,          -- text: the content that was posted
    platform,            -- text: where it was posted
    post_row_id,         -- int: the post (catalog: platform_posts.id)
    age,                 -- text: `1h`, `24h`, `7d` or `30d`
    mark_h,              -- float: the same in hours
    method,              -- text: `observed`: a snapshot within 1 % of the age; `interpolated`: linear between the two around it; `gap`: they are too far apart, all numbers are null
    before_h,            -- float: age at the snapshot before, in hours; 0 is the moment of posting
    after_h,             -- float: age at the snapshot after, in hours
    views,               -- int: views at that age; null: not reported, or a gap
    reach,               -- int: reach at that age; null: not reported, or a gap
    likes,               -- int: likes at that age; null: not reported, or a gap
    comments,            -- int: comments at that age; null: not reported, or a gap
    shares,              -- int: shares at that age; null: not reported, or a gap
    saves,               -- int: saves at that age; null: not reported, or a gap
    watch_time_s,        -- float: seconds watched at that age; null: not reported, or a gap
    engaged_views,       -- int: {engaged_views}, at that age; null: not reported, or a gap
    reposts,             -- int: {reposts}, at that age; null: not reported, or a gap
    follows,             -- int: {follows}, at that age; null: not reported, or a gap
    average_watch_s,     -- float: {average_watch_s}; null: not reported, or not known at that age
    average_watch_s / nullif((request ->> 'duration_s')::double, 0) as completion,  -- float: `average_watch_s` as a share of the video's length, above 1 where it is replayed; null: not known
    skip_rate,           -- float: {skip_rate}; null: not reported, or not known at that age
    round(follows::double * 1000 / nullif(views, 0), 6) as follows_per_1000_views,  -- float: `follows` per 1,000 `views`; null: not reported, or no views
    simulated            -- flag: true for everything of the sandbox world
from marks
left join (select platform_posts.id as post_row_id, request from platform_posts join effects on effects.id = effect_id)
using (post_row_id)
join days on day = observed_on and posted_on > day - getvariable('window_days')::int and posted_on <= day + 1
