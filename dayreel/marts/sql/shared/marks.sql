-- Every post's counters at the same ages: one row per post and age that its snapshots reach. A value is interpolated
-- between the snapshots around the age; when those lie too far apart it is not guessed. The moment of posting counts as
-- a snapshot of zeros.
with points as (
    select post_row_id, 0 as id, null as observed_on, 0.0 as age_h,
           0 as views, 0 as reach, 0 as likes, 0 as comments, 0 as shares, 0 as saves, 0.0 as watch_time_s,
           0 as engaged_views, 0 as reposts, 0 as follows, null as average_watch_s, null as skip_rate
    from posts
    union all by name
    select post_row_id, id, observed_on, age_h, views, reach, likes, comments, shares, saves, watch_time_s,
           engaged_views, reposts, follows, average_watch_s, skip_rate
    from metric_snapshots
    semi join posts using (post_row_id)
),
numbered as (  -- of two snapshots at one age, the one that arrived last
    select *, row_number() over (partition by post_row_id order by age_h) as number
    from (from points qualify row_number() over (partition by post_row_id, age_h order by id desc) = 1)
),
passed as (  -- the first snapshot at or past an age, and the one before it
    select
        after, before, age, mark_h,
        case
            when abs(after.age_h - mark_h) <= mark_h * 0.01 then 'observed'
            when after.age_h - before.age_h > most_apart_h then 'gap'
            else 'interpolated'
        end as method,
        case method
            when 'observed' then 1.0
            when 'interpolated' then (mark_h - before.age_h) / (after.age_h - before.age_h)
        end as share
    from numbered as after
    join numbered as before on before.post_row_id = after.post_row_id and before.number = after.number - 1
    join (values ('1h', 1.0, 2.0), ('24h', 24.0, 36.0), ('7d', 168.0, 72.0), ('30d', 720.0, 96.0))
        as marks (age, mark_h, most_apart_h)
        on after.age_h >= mark_h and before.age_h < mark_h
)
select
    posts.*, age, mark_h, method, before.age_h as before_h, after.age_h as after_h, after.observed_on,
    round_even(between_snapshots(before.views, after.views, share), 0) as views,
    round_even(between_snapshots(before.reach, after.reach, share), 0) as reach,
    round_even(between_snapshots(before.likes, after.likes, share), 0) as likes,
    round_even(between_snapshots(before.comments, after.comments, share), 0) as comments,
    round_even(between_snapshots(before.shares, after.shares, share), 0) as shares,
    round_even(between_snapshots(before.saves, after.saves, share), 0) as saves,
    between_snapshots(before.watch_time_s, after.watch_time_s, share) as watch_time_s,
    round_even(between_snapshots(before.engaged_views, after.engaged_views, share), 0) as engaged_views,
    round_even(between_snapshots(before.reposts, after.reposts, share), 0) as reposts,
    round_even(between_snapshots(before.follows, after.follows, share), 0) as follows,
    between_snapshots(before.average_watch_s, after.average_watch_s, share) as average_watch_s,
    between_snapshots(before.skip_rate, after.skip_rate, share) as skip_rate
from passed
join posts on posts.post_row_id = after.post_row_id
