"""People look. Who logs in decides, marks and votes (`signing_in.py`); nothing else here writes.

Read `app.py` first, then a page in `views/`. `tables.py` and `charts.py` shape what pages draw.
May import `storage` and `trainer.evaluate`.
"""
