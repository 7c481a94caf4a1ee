-- What became of each content that is old enough by the newest one there is, see `rules.experiments`: nothing was viewed of what is not out. One that
-- is out and whose views at seven days are not known says nothing, and is left out.
select
    channel, simulated, day, content_id, experiment, variant, edition, coalesce(assigned_by, 'blocked') as assigned_by,
    {
        'day': day, 'views': if(platforms > 0, views_7d, null)::double, 'usd': cost_usd::double,
        'is_approved': platforms > 0 or coalesce(verdict = 'approved', false),
        'is_refused': state = 'failed' or (platforms = 0 and coalesce(verdict = 'approved', false))
    } as outcome
from content_performance
where day <= (select max(day) from content_performance) - getvariable('mature_days')::int and (platforms = 0 or views_7d is not null)
