/*
marts: {review/outcomes: day}
grain: one decision, or one review that expired
key: [day, content_id, decided_at, verdict]
after: [reviews]
reads:
  decisions: decided_at >= :starts_at and decided_at < :ends_at
  content: >-
    id in (select content_id from decisions where decided_at >= :starts_at and decided_at < :ends_at)
    or id in (select entity_id from state_transitions
    where entity = 'content' and event = 'expire' and at >= :starts_at and at < :ends_at)
  state_transitions:
    - entity = 'content' and event = 'expire' and at >= :starts_at and at < :ends_at
    - >-
      entity = 'content' and to_state = 'review_pending'
      and (entity_id in (select content_id from decisions where decided_at >= :starts_at and decided_at < :ends_at)
      or entity_id in (select entity_id from state_transitions
      where entity = 'content' and event = 'expire' and at >= :starts_at and at < :ends_at))
checks:
  verdict_is_known: verdict in ('approved', 'rejected', 'edited', 'endorsed', 'held', 'recalled', 'expired')
  expired_has_no_decision: (verdict = 'expired') = (decision_id is null)
  hours_are_not_negative: hours_to_decision >= 0
*/
with outcomes as (
    select content_id, id as decision_id, revision, verdict, decided_by, via, note as reason, decided_at from decisions
    union all by name
    select entity_id as content_id, content.revision, 'expired' as verdict, state_transitions.at as decided_at
    from state_transitions
    join content on content.id = entity_id
    where event = 'expire'
)
select
    days.day,                       -- day: day of the decision, in DAYREEL_TIMEZONE
    channel,                        -- text: channel
    outcomes.content_id,            -- text: what was decided on
    content.day as content_day,     -- day: the day that content was made for
    decision_id,                    -- int: catalog: decisions.id; null: expired
    outcomes.revision,              -- int: the revision that was seen
    verdict,                        -- text: approved, rejected, edited, endorsed, held, recalled or expired
    decided_by,                     -- text: who; null: expired
    via,                            -- text: on which face; null: expired
    reason,                         -- text: the note; null: none was given
    requests.at as requested_at,    -- moment: when the review was last asked for before; null: not known
    decided_at,                     -- moment: when (UTC)
    hours_between(requested_at, decided_at) as hours_to_decision,  -- float: hours between the two; null: not known
    world = 'sandbox' as simulated  -- flag: true for everything of the sandbox world
from outcomes
join days on decided_at >= starts_at and decided_at < ends_at
join content on content.id = outcomes.content_id
-- An edit moves its content back to review at the very moment of the decision: that is not a request it answers.
asof left join (from state_transitions where to_state = 'review_pending') as requests
    on requests.entity_id = outcomes.content_id and requests.at < decided_at
