-- one row a run of a task that has no standing: it waits, it trains, or it was cancelled
select id as run_id, task, method, base, seed, state, reason, requested_by, attempt, created_at, updated_at
from runs
where task = $task and state in ('queued', 'active', 'cancelled')
order by case state when 'active' then 0 when 'queued' then 1 else 2 end, updated_at desc
limit 50
