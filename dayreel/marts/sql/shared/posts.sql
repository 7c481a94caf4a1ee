-- The posts that are out, where the platform reports how they do: elsewhere a counter is absent, not 0.
select
    posts.id as post_row_id, content.channel, posts.content_id, posts.platform, posts.post_id,
    posts.posted_at, posts.posted_on, content.world = 'sandbox' as simulated
from platform_posts as posts
join content on content.id = posts.content_id
where posts.state = 'posted' and posts.post_id is not null
  and not list_contains(getvariable('without_counters'), posts.platform)
