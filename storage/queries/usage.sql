-- one row a person and task: runs, machine time of all their attempts, and what it cost
select
    r.requested_by as person, r.task, count(distinct r.id) as runs,
    count(distinct r.id) filter (r.state = 'failed') as failed,
    coalesce(sum(epoch(a.updated_at) - epoch(a.created_at)), 0) as seconds,
    (select sum(m.value) from metrics m join runs o on o.id = m.run_id
     where m.name = 'cost_run' and o.requested_by = r.requested_by and o.task = r.task) as cost
from runs r
left join attempts a on a.run_id = r.id
group by r.requested_by, r.task
order by seconds desc, person, r.task
