-- What each content has reached at equal ages over all its platforms; null where one of them is not known at that age.
with platforms as (
    select content_id, count(*) as platforms, min(posted_at) as first_posted_at from posts group by content_id
),
known as (
    select
        content_id, count(*) as platforms, sum(views) as views,
        sum(coalesce(likes, 0) + coalesce(comments, 0) + coalesce(shares, 0) + coalesce(saves, 0)) as reactions, age
    from marks
    where views is not null
    group by content_id, age
)
select
    content_id, any_value(platforms.platforms) as platforms, any_value(first_posted_at) as first_posted_at,
    any_value(views) filter (age = '1h') as views_1h,
    any_value(views) filter (age = '24h') as views_24h,
    any_value(views) filter (age = '7d') as views_7d,
    any_value(views) filter (age = '30d') as views_30d,
    any_value(reactions) filter (age = '7d') as reactions_7d
from platforms
left join known using (content_id, platforms)
group by content_id
