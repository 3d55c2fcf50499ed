-- one row a task: what happened in the last days
select
    r.task,
    count(*) filter (r.state = 'succeeded') as succeeded,
    count(*) filter (r.state = 'failed') as failed,
    (select count(*) from reviews v
     where v.task = r.task and v.state in ('approved', 'rejected') and v.updated_at >= $since)
        as decided
from runs r
where r.updated_at >= $since and r.state in ('succeeded', 'failed')
group by r.task
