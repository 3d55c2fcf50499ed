-- one row a check of some names, of each run of a task, best runs first
select
    s.run_id, r.method, r.base, r.seed, c.id, c.outcome, c.value, c.low, c.high,
    c.limit_value as "limit", c.n, c.reason
from standings s
join runs r on r.id = s.run_id
join checks c on c.run_id = s.run_id and list_contains($ids, c.id)
where s.task = $task
order by s.board_order, c.origin, c.place
limit 1000
