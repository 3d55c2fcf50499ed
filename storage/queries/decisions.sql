-- one row a decision on a review, in the order in which they were made
select seq, review_id, run_id, person, verdict, reason, evidence_digest, decided_at, hash
from decisions
where review_id = $review_id
order by seq
