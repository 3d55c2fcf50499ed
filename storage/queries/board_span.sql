-- one row: how many runs a task's board has, and the range that its intervals span (`chosen`
-- counts the runs of the asked methods); `majority` is
-- left out of the range, for it would press all others into a corner
select
    count(*) as runs,
    count(*) filter ($methods is null or list_contains($methods, r.method)) as chosen,
    count(*) filter (s.ranked) as ranked,
    min(coalesce(m.low, m.value)) filter (s.ranked and r.method <> 'majority') as low,
    max(coalesce(m.high, m.value)) filter (s.ranked and r.method <> 'majority') as high,
    max(s.place_high) filter (s.place_low = 1) as told_apart_from,
    count(*) filter (s.place_low = 1) as leaders
from standings s
join runs r on r.id = s.run_id
left join metrics m
    on m.run_id = s.run_id and m.split = $split and m.group_name = '' and m.name = $primary
where s.task = $task
