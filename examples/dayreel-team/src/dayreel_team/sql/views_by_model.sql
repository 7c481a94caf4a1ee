/*
marts: {team/views_by_model: day}
grain: one day, channel and model that wrote the prompts
key: [day, channel, prompt_model]
reads:
  content/performance: days
checks:
  numbers_are_not_negative: least(contents, views_7d, cost_usd) >= 0
  measured_are_contents: measured <= contents
*/
select
    day,                                                -- day: the contents' day
    channel,                                            -- text: channel
    coalesce(prompt_model, 'none') as prompt_model,     -- text: model that wrote the prompts; `none` where there are none
    count(*) as contents,                               -- int: contents
    count(views_7d) as measured,                        -- int: of those, known at seven days of age
    sum(views_7d) as views_7d,                          -- int: views at seven days together; null: none is known
    sum(cost_usd) as cost_usd,                          -- usd: what they cost
    bool_or(simulated) as simulated                     -- flag: true for everything of the sandbox world
from content_performance
group by all
