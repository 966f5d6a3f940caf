"""A run: one training, from a recipe to a folder with all its results.

Read `prepare` (data and network from a recipe), `unfinished` (what is kept while it trains),
`folder` (what a finished run is), `results` (the files it gets) and `lifecycle`, which combines
them; then `other_data` (a model evaluated on another source) and `ensemble` (several runs
together).
"""

from inknet.runs.folder import Run, default_folder, list_runs, list_unfinished
from inknet.runs.lifecycle import resume_run, train_run

__all__ = ["Run", "default_folder", "list_runs", "list_unfinished", "resume_run", "train_run"]
