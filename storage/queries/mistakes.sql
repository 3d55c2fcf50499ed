-- one row a test example that was predicted wrongly, the surest mistakes first
select "row", text, gold, predicted, list_max(probabilities) as confidence, loss
from read_parquet($predictions)
where split = 'test' and gold <> predicted
order by loss desc, example_id
limit $limit
