-- one row a run of a task, with how many rows it was trained on; of specs run on several sizes
with sized as (
    select
        s.run_id, r.method, r.base, r.size_family, m.value, m.low, m.high,
        cast(json_extract(e.summary, '$.rows.train') as bigint) as train_rows
    from standings s
    join runs r on r.id = s.run_id
    join evidence e on e.run_id = s.run_id and e.problem = ''
    join metrics m on m.run_id = s.run_id and m.group_name = '' and m.name = $primary
        and m.split = $split
    where s.task = $task and s.ranked and m.value is not null
)
select * from sized
where size_family in (
    select size_family from sized group by size_family having count(distinct train_rows) > 1
)
order by size_family, train_rows, run_id
