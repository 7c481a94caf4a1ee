-- Small functions of several marts. `greatest` would make 0 of a null: what was not reported is not zero.
create macro at_least_zero(change) as if(change is null, null, greatest(change, 0));
create macro gained(total, before, is_first) as at_least_zero(total - if(is_first, 0, before));
create macro taken_back(total, before, is_first) as at_least_zero(if(is_first, 0, before) - total);
create macro between_snapshots(before, after, share) as if(share = 1, after, before + (after - before) * share);
create macro seconds_between(since, until) as (epoch_us(until) - epoch_us(since)) / 1e6;
create macro hours_between(since, until) as round_even(seconds_between(since, until), 1) / 3600;
create macro usd_per_1000(usd, views) as if(views <> 0, round(usd::double * 1000 / views, 6), null);
