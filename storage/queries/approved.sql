-- one row an approved review, the newest of each task first, so many of a task at most
select
    v.id, v.run_id, v.task, v.state, v.requested_by, v.evidence_digest, v.compared_with,
    v.approvals_needed, v.created_at, v.updated_at,
    r.method, r.base, r.seed,
    (select count(*) from decisions d where d.review_id = v.id and d.verdict = 'approve') as approvals
from reviews v
join runs r on r.id = v.run_id
where v.state = 'approved'
qualify row_number() over (partition by v.task order by v.updated_at desc, v.id) <= $each
order by v.task, v.updated_at desc, v.id
