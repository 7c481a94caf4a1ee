/*
marts: {content/performance: day}
grain: one content (one video of one channel on one day; takes are contents of their own)
key: [day, content_id]
uses: [posts, marks, views_at_ages]
given: [manifests]
after: [final_video, reviews, engagement/cohorts]
reads:
  content: day >= :first_on and day <= :last_on
  effects: >-
    (reserved_usd > 0 or settled_usd > 0)
    and content_id in (select id from content where day >= :first_on and day <= :last_on)
  decisions: content_id in (select id from content where day >= :first_on and day <= :last_on)
  platform_posts: content_id in (select id from content where day >= :first_on and day <= :last_on)
  metric_snapshots: >-
    post_row_id in (select p.id from platform_posts p join content c on c.id = p.content_id
    where c.day >= :first_on and c.day <= :last_on)
checks:
  takes_count_from_one: take >= 1
  costs_add_up: cost_usd >= cost_idea_usd + cost_prompt_usd + cost_voice_usd + cost_video_usd and unknown_usd <= cost_usd
  costs_are_not_negative: least(cost_idea_usd, cost_prompt_usd, cost_voice_usd, cost_video_usd, unknown_usd) >= 0
  counters_are_not_negative: least(platforms, views_1h, views_24h, views_7d, views_30d, reactions_7d, views_latest) >= 0
  views_need_a_post: platforms > 0 or (views_1h is null and views_24h is null and views_7d is null and views_30d is null)
*/
with costs as (
    select
        content_id, sum(counted_usd) as usd, sum(counted_usd) filter (state = 'unknown') as unknown_usd,
        sum(counted_usd) filter (layer = 'idea') as idea_usd, sum(counted_usd) filter (layer = 'prompt') as prompt_usd,
        sum(counted_usd) filter (layer = 'voice') as voice_usd, sum(counted_usd) filter (layer = 'video') as video_usd
    from (select *, coalesce(settled_usd, reserved_usd) as counted_usd from effects)
    group by content_id
),
newest_decision as (
    select content_id, verdict, decided_by, note from decisions
    qualify row_number() over (partition by content_id order by id desc) = 1
),
newest_totals as (
    select content_id, sum(views) as views_latest, min(age_h) as latest_age_h
    from (
        from metric_snapshots
        qualify row_number() over (partition by post_row_id order by observed_at desc, id desc) = 1
    )
    where views is not null
    group by content_id
)
select
    day,                                                    -- day: the content's day, in the channel's time zone
    channel,                                                -- text: channel
    content.id as content_id,                               -- text: the content
    take,                                                   -- int: 1, or a later take of the day
    state,                                                  -- text: where it stands in its lifecycle
    topic,                                                  -- text: what the idea is about, in two to five words; null: no idea yet
    idea,                                                   -- text: the idea; null: none yet
    hook,                                                   -- text: first sentence of the narration, else of the caption; null: no idea yet
    idea_model,                                             -- text: model that wrote the idea; null: a calendar, or none yet
    prompt_model,                                           -- text: model that wrote the prompts; null: none
    video_model,                                            -- text: model that made the segments; null: own footage, or none yet
    experiment,                                             -- text: experiment it was part of; null: none
    variant,                                                -- text: variant it was assigned to; null: none
    edition,                                                -- text: hash of the experiment's words, template, model and settings; null: none, or assigned before it was taken
    assigned_by,                                            -- text: `blocked` by weekday, or `thompson`; null: no experiment
    detect_percent,                                         -- float: the difference that the experiment is to show; null: no experiment, or not recorded
    coalesce(is_held_out, false) as is_held_out,            -- flag: no variant and no measured idea touched it
    coalesce(idea_usd, 0) as cost_idea_usd,                 -- usd: settled or still reserved for the idea layer
    coalesce(prompt_usd, 0) as cost_prompt_usd,             -- usd: settled or still reserved for the prompt layer
    coalesce(voice_usd, 0) as cost_voice_usd,               -- usd: settled or still reserved for the voice layer
    coalesce(video_usd, 0) as cost_video_usd,               -- usd: settled or still reserved for the video layer
    coalesce(usd, 0) as cost_usd,                           -- usd: all layers together
    coalesce(costs.unknown_usd, 0) as unknown_usd,          -- usd: the part of it whose outcome is not known
    verdict,                                                -- text: newest decision: approved, rejected, edited, endorsed, held or recalled; null: nobody has decided
    decided_by,                                             -- text: who decided; null: nobody
    note as reason,                                         -- text: the note of the newest decision; null: none
    coalesce(views_at_ages.platforms, 0) as platforms,      -- int: platforms it is posted on
    first_posted_at,                                        -- moment: when it first went out (UTC); null: not posted
    views_1h,                                               -- int: views at 1h of age over all its platforms; null: one of them is not known at that age
    views_24h,                                              -- int: views at 24h of age over all its platforms; null: one of them is not known at that age
    views_7d,                                               -- int: views at 7d of age over all its platforms; null: one of them is not known at that age
    views_30d,                                              -- int: views at 30d of age over all its platforms; null: one of them is not known at that age
    reactions_7d,                                           -- int: likes + comments + shares + saves at 7d, where reported; null: views not known
    views_latest,                                           -- int: newest totals together, at whatever age; null: never measured
    latest_age_h,                                           -- float: age of the youngest of them; null: never measured
    usd_per_1000(usd, views_7d) as usd_per_1000_views_7d,   -- float: cost_usd per 1,000 views at 7 days; null: no such views
    world = 'sandbox' as simulated                          -- flag: true for everything of the sandbox world
from content
left join manifests on manifests.content_id = content.id
left join costs on costs.content_id = content.id
left join newest_decision on newest_decision.content_id = content.id
left join views_at_ages on views_at_ages.content_id = content.id
left join newest_totals on newest_totals.content_id = content.id
