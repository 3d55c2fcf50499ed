-- one row: how many runs a task's board has, how many of them pass the filter of `board.sql`, and the
-- range that the intervals of the first tie group and of the better half span: what is far behind
-- would press them into a corner
select
    count(*) as runs,
    count(*) filter (
        ($methods is null or list_contains($methods, r.method))
        and ($statuses is null or list_contains($statuses, s.status))
        and ($policies is null or list_contains($policies, regexp_extract(s.gate, '"status":"([a-z_]+)"', 1)))
        and ($words = '' or contains(lower(concat_ws(' ', r.id, r.base, r.requested_by)), $words))
    ) as chosen,
    count(*) filter (s.ranked) as ranked,
    least(
        min(coalesce(m.low, m.value)) filter (s.tie_group = 1),
        quantile_disc(coalesce(m.low, m.value), 0.5) filter (s.ranked and r.method <> 'majority')
    ) as low,
    max(coalesce(m.high, m.value)) filter (s.ranked and r.method <> 'majority') as high
from standings s
join runs r on r.id = s.run_id
left join metrics m
    on m.run_id = s.run_id and m.split = $split and m.group_name = '' and m.name = $primary
where s.task = $task
