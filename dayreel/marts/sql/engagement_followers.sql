/*
marts: {engagement/followers: day}
grain: one account on one day on which its platform was asked how many follow it
key: [day, platform, account_id, simulated]
after: [snapshots]
reads:
  account_snapshots: observed_on >= :day_before and observed_on <= :last_on
checks:
  followers_are_not_negative: followers >= 0
  unknown_has_a_reason: (followers is null) = (reason is not null)
*/
with last as (  -- the last count of each account and day, where there is one
    from account_snapshots
    qualify row_number() over (
        partition by world, platform, account_id, observed_on order by followers is null, observed_at desc, id desc
    ) = 1
)
select
    day,                                                      -- day: day of the count, in DAYREEL_TIMEZONE
    now.platform,                                             -- text: where the account is
    now.account_id,                                           -- text: the platform's id of the account
    now.observed_at,                                          -- moment: when the platform was asked (UTC)
    now.followers,                                            -- int: accounts that follow it; null: not reported
    now.followers - before.followers as followers_change,     -- int: how many more than on the day before, fewer below 0; null: one of them is not known
    case when now.followers is null then coalesce(now.refused, 'the platform does not say') end as reason,  -- text: why it was not reported; null: it was
    now.world = 'sandbox' as simulated                        -- flag: true for everything of the sandbox world
from last as now
join days on day = now.observed_on
left join last as before
    on before.observed_on = day - 1 and before.world = now.world and before.platform = now.platform
    and before.account_id = now.account_id
