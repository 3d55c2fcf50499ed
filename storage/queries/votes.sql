-- blind votes on a run: the newest of each person on each text, counted
with newest as (
    select * from votes where run_id = $run_id
    qualify row_number() over (partition by person, question order by said_at desc, id desc) = 1
)
select
    count(*) filter (chosen = 'tuned') as tuned, count(*) filter (chosen = 'base') as base,
    count(*) filter (chosen = 'tie') as ties, count(distinct person) as people
from newest
