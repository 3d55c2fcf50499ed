-- one row a step of a run and of its attempts and reviews, oldest first
select kind, subject, before_state, after_state, actor, reason, happened_at
from transitions
where subject = $run_id
   or subject like $run_id || '/%'
   or subject in (select id from reviews where run_id = $run_id)
order by id
