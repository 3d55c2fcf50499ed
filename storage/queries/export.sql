-- one row a run on the board of a task, best first: all that a reviewer compares, side by side
with numbers as (
    pivot (
        select run_id, split || '_' || name as name, value, low, high
        from metrics
        where group_name = '' and (split = 'run' or split = 'test' and name in
            ('accuracy', 'macro_f1', 'weighted_f1', 'mcc', 'roc_auc', 'pr_auc', 'log_loss', 'brier', 'ece'))
    )
    on name in ('test_accuracy', 'test_macro_f1', 'test_weighted_f1', 'test_mcc', 'test_roc_auc',
        'test_pr_auc', 'test_log_loss', 'test_brier', 'test_ece', 'run_cost_run',
        'run_cost_per_1000', 'run_latency_p95_ms', 'run_train_seconds')
    using first(value) as value, first(low) as low, first(high) as high
    group by run_id
),
outcomes as (
    select run_id, string_agg(id || ': ' || outcome, '; ' order by origin, place) as checks
    from checks group by run_id
)
select
    s.board_order, s.run_id, s.task, s.task_version, r.method, r.base, r.seed, r.requested_by,
    s.status, s.place_low, s.place_high, s.tie_group, s.ranked, s.unranked_because,
    array_to_string(s.provisional, '; ') as provisional, s.sealed, s.published_best,
    n.* exclude (run_id),
    s.against, d.value as difference, d.low as difference_low, d.high as difference_high,
    d.p as difference_p, d.n as difference_n,
    o.checks, coalesce(json_extract_string(nullif(s.gate, ''), '$.status'), '') as policy_status,
    coalesce(json_extract_string(nullif(s.gate, ''), '$.counts'), '') as policy_counts,
    coalesce(e.manifest_digest, '') as manifest_digest, coalesce(e.test_digest, '') as test_digest,
    s.evidence_digest, e.finished_at
from standings s
join runs r on r.id = s.run_id
left join evidence e on e.run_id = s.run_id
left join numbers n on n.run_id = s.run_id
left join outcomes o on o.run_id = s.run_id
left join differences d on d.run_id = s.run_id and d.against = s.against
where s.task = $task
order by s.board_order
