-- one row a decision, in the order of the chain
select
    seq, review_id, run_id, person, verdict, reason, evidence_digest, decided_at, previous_hash, hash
from decisions
order by seq
