-- A run's answers as `import-predictions` reads them: validation and test, one row an example.
select example_id as id, split, text, gold, predicted, probabilities
from read_parquet($file)
where split <> 'train'
