-- one row: whether fine-tuning was worth it at a task's newest version, and what its board can tell
select worth, notes
from verdicts
where task = $task
order by task_version desc
limit 1
