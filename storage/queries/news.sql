-- one row a thing worth knowing since a moment, the newest first: a run that was the best when it
-- ended, a decision on a review
select *
from (
    select
        coalesce(e.finished_at, r.updated_at) as happened_at, 'new best' as what, r.task, r.id as run_id,
        r.method, r.base, r.seed, r.requested_by as person, '' as reason, m.value, m.low, m.high
    from standings s
    join runs r on r.id = s.run_id
    join tasks t on t.name = r.task and t.version = r.task_version
    left join evidence e on e.run_id = r.id
    left join metrics m
        on m.run_id = r.id and m.name = t.primary_metric and m.group_name = ''
        and m.split = case when s.sealed then 'validation' else 'test' end
    where s.published_best
    union all
    select
        d.decided_at, case d.verdict when 'approve' then 'approved' else 'rejected' end, r.task, r.id,
        r.method, r.base, r.seed, d.person, d.reason, null, null, null
    from decisions d
    join runs r on r.id = d.run_id
)
where happened_at >= $since
order by happened_at desc, run_id
limit $limit
