-- one row a run that has not ended, in the order of the queue
select
    r.id as run_id, r.task, r.method, r.base, r.seed, r.state, r.reason, r.requested_by, r.attempt,
    r.created_at, r.updated_at
from runs r
where r.state in ('queued', 'active')
order by r.state <> 'active', r.created_at, r.id
limit 200
