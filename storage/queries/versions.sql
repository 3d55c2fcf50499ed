-- one row a version of a task, the newest first
select name, version, dataset, added_by, added_at from tasks where name = $task order by version desc
