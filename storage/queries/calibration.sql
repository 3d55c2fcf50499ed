-- ten equally full bins of the test rows of one run by how sure it was: mean sureness, share right
with rows as (
    select
        list_max(probabilities) as confidence,
        (gold = predicted) as is_right,
        ntile(10) over (order by list_max(probabilities), example_id) as bin
    from read_parquet($predictions)
    where split = 'test' and probabilities is not null
)
select avg(confidence) as confidence, count(*) filter (is_right) as right_rows, count(*) as n
from rows
group by bin
order by bin
