/*
marts: {library/throughput: day}
grain: one job of own footage that ended on a day; one that is tried again counts where it ended last
key: [day, job]
after: [footage]
reads:
  jobs: >-
    state in ('completed', 'failed')
    and coalesce(finished_at, updated_at) >= :starts_at and coalesce(finished_at, updated_at) < :ends_at
  state_transitions: >-
    entity = 'job' and entity_id in (select id from jobs where state in ('completed', 'failed')
    and coalesce(finished_at, updated_at) >= :starts_at and coalesce(finished_at, updated_at) < :ends_at)
checks:
  outcome_is_known: outcome in ('done', 'failed', 'cancelled')
  sizes_and_times_are_not_negative: least(queue_wait_s, seconds, input_bytes, output_bytes, compression_ratio) >= 0
*/
with last_moves as (select entity_id, arg_max(event, id) as event from state_transitions group by all)
select
    day,                                       -- day: day on which it ended, in DAYREEL_TIMEZONE
    jobs.id as job,                            -- text: the job (catalog: jobs.id)
    item_id,                                   -- text: the item it was for (catalog: media_items.id)
    role,                                      -- text: remux, transcode or file
    spec ->> '$.parameters.preset' as preset,  -- text: h264, h265 or av1, as the plan said; null: no transcode
    worker,                                    -- text: who did the last attempt, or cancelled it while it waited; null: not reported
    fence as attempts,                         -- int: the number of the last attempt; null: not reported
    case when state = 'completed' then 'done' when event = 'cancel' then 'cancelled' else 'failed' end as outcome,  -- text: `done`, `failed` for good, or `cancelled` by somebody
    ended_at,                                  -- moment: when it ended (UTC)
    -- The controller's clock asks and the worker's starts: hosts may disagree, but nothing starts before it is asked.
    at_least_zero(round_even(seconds_between(requested_at, started_at), 3)) as queue_wait_s,  -- float: seconds from being asked for to the start of the last attempt, earlier attempts and rests among them; 0 where the two hosts' clocks disagree; null: not reported
    at_least_zero(round_even(seconds_between(started_at, finished_at), 3)) as seconds,  -- float: seconds that the last attempt took, by its worker's clock; null: not reported
    input_bytes,                               -- int: bytes of what it read
    output_bytes,                              -- int: bytes of what it made; null: it is not done
    if(state = 'completed' and input_bytes > 0, round_even(output_bytes / input_bytes, 6), null) as compression_ratio,  -- float: output_bytes / input_bytes, below 1 is smaller; null: it is not done
    false as simulated                         -- flag: always false: own footage is real in either world
-- A job whose worker died at its last attempt has no result that could say when it ended.
from (select *, coalesce(finished_at, updated_at) as ended_at from jobs) as jobs
join days on ended_at >= starts_at and ended_at < ends_at
left join last_moves on last_moves.entity_id = jobs.id
