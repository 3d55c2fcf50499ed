-- one row a number of a group of people, of each run of a task, best runs first
select
    s.run_id, r.method, r.base, r.seed, m.name, m.group_name as "group", m.value, m.low, m.high, m.n,
    m.missing_because
from standings s
join runs r on r.id = s.run_id
join metrics m on m.run_id = s.run_id and m.split = 'test'
where s.task = $task and not s.sealed and m.group_name <> ''
  and not starts_with(m.group_name, 'label:') and not starts_with(m.group_name, 'subset:')
  and not starts_with(m.group_name, 'stage:')
order by s.board_order, m.place
limit 2000
