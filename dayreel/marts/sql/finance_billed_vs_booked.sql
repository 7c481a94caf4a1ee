/*
marts: {finance/billed_vs_booked: month}
grain: "one UTC day, world, provider and model on which something was bought or billed; no row: nothing"
key: [day, world, provider, model]
given: [bill_lines]
after: [finance/spend]
reads: {}
checks:
  amounts_are_not_negative: least(requests, booked_usd, held_usd) >= 0
  difference_where_billed: (difference_usd is null) = (billed_usd is null)
*/
select
    day,                          -- day: the UTC day, by which vendors bill: booked counts on the day it was sent
    world,                        -- text: `sandbox` (no real money) or `live`
    provider,                     -- text: who is paid
    model,                        -- text: as it is booked; empty where a purchase has none
    requests,                     -- int: purchases that are booked or held
    booked_usd,                   -- usd: paid, as dayreel knows
    held_usd,                     -- usd: held for purchases whose outcome or price is not known yet
    billed_usd,                   -- usd: what the vendor bills; null: its bill of that day was not read
    difference_usd,               -- usd: billed beyond what is booked and held, or, negative, less than is booked; null like billed_usd
    world = 'sandbox' as simulated  -- flag: true for everything of the sandbox world
from bill_lines
