-- one row: a run with its state, its standing and where its evidence came from
select
    r.id as run_id, r.task, r.task_version, r.method, r.base, r.seed, r.spec, r.state, r.reason,
    r.requested_by, r.origin, r.attempt, r.created_at, r.updated_at,
    coalesce(t.primary_metric, '') as primary_metric,
    coalesce(e.problem, '') as problem, coalesce(e.manifest_digest, '') as manifest_digest,
    coalesce(e.summary, '') as summary,
    coalesce(s.status, '') as status, coalesce(s.ranked, false) as ranked,
    coalesce(s.unranked_because, '') as unranked_because, s.place_low, s.place_high,
    coalesce(s.provisional, []) as provisional, coalesce(s.against, '') as against,
    coalesce(s.evidence_digest, '') as evidence_digest, s.tie_group,
    coalesce(s.sealed, false) as sealed, coalesce(s.seeds, '') as seeds,
    coalesce(s.targets, '[]') as targets, coalesce(s.gate, '') as gate,
    d.value as difference, d.low as difference_low, d.high as difference_high, d.p as difference_p,
    coalesce(b.method, '') as against_method
from runs r
left join tasks t on t.name = r.task and t.version = r.task_version
left join evidence e on e.run_id = r.id
left join standings s on s.run_id = r.id
left join differences d on d.run_id = r.id and d.against = s.against
left join runs b on b.id = s.against
where r.id = $run_id
