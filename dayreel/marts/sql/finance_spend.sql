/*
marts: {finance/spend: day}
grain: "one day, world, channel, provider and layer on which money was spent or held; no row: nothing"
key: [day, world, channel, provider, layer]
after: [ideas, prompts, raw_segments]
reads:
  effects: (reserved_usd > 0 or settled_usd > 0) and spent_on >= :first_on and spent_on <= :last_on
checks:
  amounts_are_not_negative: least(purchases, settled_usd, reserved_usd, unknown_usd) >= 0
  spent_is_the_sum: spent_usd = settled_usd + reserved_usd + unknown_usd
*/
select
    spent_on as day,                         -- day: day on which the money counts, in DAYREEL_TIMEZONE
    world,                                   -- text: `sandbox` (no real money) or `live`
    channel,                                 -- text: channel
    target as provider,                      -- text: who is paid
    layer,                                   -- text: what for: idea, prompt, voice, video
    count(*) as purchases,                   -- int: acts that were paid, or hold money
    coalesce(sum(paid), 0) as settled_usd,   -- usd: paid
    coalesce(sum(held) filter (state <> 'unknown'), 0) as reserved_usd,  -- usd: held for requests that are still running
    coalesce(sum(held) filter (state = 'unknown'), 0) as unknown_usd,  -- usd: held for requests whose outcome is not known
    sum(coalesce(paid, held)) as spent_usd,  -- usd: the three together: what counts against the caps
    world = 'sandbox' as simulated           -- flag: true for everything of the sandbox world
from (select *, settled_usd as paid, if(settled_usd is null, reserved_usd, null) as held from effects)
where channel is not null
group by all
