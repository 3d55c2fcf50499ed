"""A `RunSpec` becomes evidence. Runs on the GPU host; knows no Slack, no ledger, no DuckDB.

Read `job.py` first: the story of a run, told in order. `shim.py` supervises it, `data/` reads and
checks rows, `methods/` holds a file per way of fitting, `engines/` trains language models,
`evaluate/` is arithmetic on arrays (numpy and scipy only), `checks/` holds a file per check.
May import `storage.records`, `storage.errors`, `storage.run_folder` and `storage.evidence_tables`.
"""
