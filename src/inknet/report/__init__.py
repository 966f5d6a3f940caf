"""What a run reached, told: figures, pictures and a page."""
