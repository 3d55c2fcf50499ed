-- one row a check of a run, what needs attention first
select id, outcome, value, low, high, limit_value as "limit", n, reason, advice, relaunch
from checks
where run_id = $run_id
order by list_position(['fail', 'warn', 'not_run', 'pass'], outcome), origin desc, place
