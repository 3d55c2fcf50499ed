-- one row a pair of true and predicted label on the test split of one run
select gold, predicted, count(*) as n
from read_parquet($predictions)
where split = 'test'
group by gold, predicted
order by gold, predicted
