-- one row an earlier task that a run was asked again, with what it was at when it was learnt
select
    m.run_id, r.task, r.method, r.base, substr(m.group_name, 7) as asked, m.name, m.value, m.low,
    m.high, m.n, r.created_at
from metrics m
join runs r on r.id = m.run_id
where starts_with(m.group_name, 'stage:')
order by r.created_at, m.run_id, m.place
limit 2000
