-- one row a task, at its newest version: what is on its board, and what is going on
with newest as (
    select * from tasks qualify row_number() over (partition by name order by version desc) = 1
)
select
    t.name, t.version, t.kind, t.primary_metric, t.owner, t.test_rows, len(t.labels) as labels,
    t.record,
    (select count(*) from standings s where s.task = t.name) as standings,
    (select count(*) from runs r where r.task = t.name and r.state = 'active') as active,
    (select count(*) from runs r where r.task = t.name and r.state = 'queued') as queued,
    (select count(*) from reviews v where v.task = t.name and v.state = 'in_review') as in_review
from newest t
order by t.name
