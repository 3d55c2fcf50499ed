-- the newest mark of each example of a task, as reviewers gave them
select example_id, run_id, mark, person, reason, said_at
from marks
where task = $task
qualify row_number() over (partition by example_id order by said_at desc, id desc) = 1
order by said_at, example_id
