-- one row a measured number of a run, in the order in which the run wrote them
select name, split, group_name as "group", value, low, high, n, how, missing_because
from metrics
where run_id = $run_id
order by place
