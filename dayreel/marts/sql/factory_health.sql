/*
marts: {factory/health: day}
grain: one channel, layer, provider and world that did something on a day
key: [day, channel, layer, provider, simulated]
after: [final_video, posts]
reads:
  processing_logs: started_at >= :starts_at and started_at < :ends_at
  content: id in (select content_id from processing_logs where started_at >= :starts_at and started_at < :ends_at)
  effects: kind = 'post' and sent_at >= :starts_at and sent_at < :ends_at
checks:
  outcomes_are_attempts: least(completed, failed, unknown) >= 0 and completed + failed + unknown <= attempts
  rate_is_a_share: success_rate between 0 and 1
  seconds_are_not_negative: seconds_median >= 0 and seconds_most >= seconds_median
*/
with work as (
    select
        channel, layer, status as outcome, started_at as begun_at, logs.completed_at as ended_at, error_message as error, logs.id,
        coalesce(nullif(metadata ->> 'provider', ''), nullif(metadata ->> 'platform', '')) as provider,
        -- Measurements were once written down without their world: they are the project's.
        coalesce(world, metadata ->> 'world', getvariable('world')) as world
    from processing_logs as logs
    left join content on content.id = logs.content_id
    union all by name
    select
        channel, layer, sent_at as begun_at, settled_at as ended_at, error, id, target as provider, world,
        case state when 'confirmed' then 'completed' when 'refused' then 'failed' when 'unknown' then 'unknown' end
            as outcome
    from effects
)
select
    day,                                                       -- day: day on which the work was started, in DAYREEL_TIMEZONE
    coalesce(channel, '*') as channel,                         -- text: channel; `*` for work on all of them, such as measuring
    layer,                                                     -- text: idea, prompt, voice, video, composition, distribution (posts), measurement or billing (reading bills)
    coalesce(provider, 'none') as provider,                    -- text: who did it: a model's vendor, ffmpeg, a platform
    count(*) as attempts,                                      -- int: times it was started
    count(*) filter (outcome = 'completed') as completed,      -- int: times it ended well
    count(*) filter (outcome = 'failed') as failed,            -- int: times it failed or was refused
    count(*) filter (outcome = 'unknown') as unknown,          -- int: times its outcome is not known
    completed / nullif(completed + failed + unknown, 0) as success_rate,  -- float: completed / (completed + failed + unknown); null: nothing has ended
    median(seconds_between(begun_at, ended_at)) as seconds_median,  -- float: seconds from start to end, of those that ended; null: none has
    max(seconds_between(begun_at, ended_at)) as seconds_most,  -- float: the slowest of them; null: none has
    last(error order by begun_at, id) filter (outcome in ('failed', 'unknown') and error is not null) as last_error,  -- text: what the last failure said; null: none
    world = 'sandbox' as simulated                             -- flag: true for everything of the sandbox world
from work
join days on begun_at >= starts_at and begun_at < ends_at
group by all
