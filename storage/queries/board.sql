-- one row a run on the board of a task, with its numbers side by side: best first, the newest
-- first, or by what `cost` names, the least first; what was not measured comes last. The status of
-- a gate is the first thing in its JSON: to parse all of it takes ten times as long
with page as (
    select
        s.run_id, s.board_order, case when $newest then r.created_at end as newest, k.value as least
    from standings s
    join runs r on r.id = s.run_id
    left join metrics k
        on k.run_id = s.run_id and k.name = $cost and k.split = 'run' and k.group_name = ''
    where s.task = $task and ($methods is null or list_contains($methods, r.method))
      and ($statuses is null or list_contains($statuses, s.status))
      and ($policies is null
           or list_contains($policies, regexp_extract(s.gate, '"status":"([a-z_]+)"', 1)))
      and ($words = '' or contains(lower(concat_ws(' ', r.id, r.base, r.requested_by)), $words))
    order by newest desc nulls last, least nulls last, s.board_order
    limit $limit offset $offset
),
numbers as (
    select
        run_id,
        max(value) filter (split = 'test' and name = 'macro_f1') as macro_f1,
        max(low) filter (split = 'test' and name = 'macro_f1') as macro_f1_low,
        max(high) filter (split = 'test' and name = 'macro_f1') as macro_f1_high,
        max(value) filter (split = 'test' and name = 'roc_auc') as roc_auc,
        max(low) filter (split = 'test' and name = 'roc_auc') as roc_auc_low,
        max(high) filter (split = 'test' and name = 'roc_auc') as roc_auc_high,
        max(value) filter (split = 'test' and name = 'accuracy') as accuracy,
        max(low) filter (split = 'test' and name = 'accuracy') as accuracy_low,
        max(high) filter (split = 'test' and name = 'accuracy') as accuracy_high,
        max(value) filter (split = 'run' and name = 'latency_p95_ms') as latency_p95_ms,
        max(value) filter (split = 'run' and name = 'cost_run') as cost_run,
        max(value) filter (split = 'run' and name = 'cost_per_1000') as cost_per_1000,
        max(value) filter (split = 'run' and name = 'train_seconds') as train_seconds,
        max(value) filter (split = 'run' and name = 'trainable_parameters') as trainable_parameters
    from metrics
    where group_name = '' and run_id in (select run_id from page)
    group by run_id
),
-- the metric that ranks, by its own name; of validation where the test set is sealed
primary_numbers as (
    select m.run_id, m.value, m.low, m.high, m.n, m.how, m.missing_because
    from metrics m
    where m.split = $split and m.group_name = '' and m.name = $primary
      and m.run_id in (select run_id from page)
),
flags as (
    select
        run_id,
        list({'id': id, 'outcome': outcome, 'value': value, 'limit': limit_value, 'n': n,
              'reason': reason} order by (outcome <> 'fail'), origin, place) as flags
    from checks
    where outcome in ('warn', 'fail') and run_id in (select run_id from page)
    group by run_id
)
select
    s.run_id, s.task_version, s.board_order, s.status, s.ranked, s.unranked_because, s.place_low,
    s.place_high, s.provisional, s.against, s.tie_group, s.sealed, s.published_best, s.seeds,
    s.targets, s.gate,
    r.method, r.base, r.seed, r.requested_by, r.state,
    coalesce(e.engine, '') as engine, coalesce(e.engine_reason, '') as engine_reason,
    coalesce(cast(json_extract(e.summary, '$.notes') as varchar[]), []) as notes,
    coalesce(e.finished_at, r.updated_at) as finished_at,
    q.value, q.low, q.high, coalesce(q.n, 0) as n, coalesce(q.how, '') as how, q.missing_because,
    m.* exclude (run_id),
    d.value as difference, d.low as difference_low, d.high as difference_high, d.p as difference_p,
    coalesce(f.flags, []) as flags
from page p
join standings s on s.run_id = p.run_id
join runs r on r.id = p.run_id
left join evidence e on e.run_id = p.run_id and e.problem = ''
left join primary_numbers q on q.run_id = p.run_id
left join numbers m on m.run_id = p.run_id
left join differences d on d.run_id = p.run_id and d.against = s.against
left join flags f on f.run_id = p.run_id
order by p.newest desc nulls last, p.least nulls last, p.board_order
