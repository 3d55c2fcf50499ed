-- one row a review, what waits first
select
    v.id, v.run_id, v.task, v.state, v.requested_by, v.evidence_digest, v.compared_with,
    v.approvals_needed, v.created_at, v.updated_at,
    r.method, r.base, r.seed,
    (select count(*) from decisions d where d.review_id = v.id and d.verdict = 'approve') as approvals
from reviews v
join runs r on r.id = v.run_id
where $review_id is null or v.id = $review_id
order by v.state <> 'in_review', v.updated_at desc, v.id
limit $limit
