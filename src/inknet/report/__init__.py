"""The report of a run: figures, pictures and a page."""
