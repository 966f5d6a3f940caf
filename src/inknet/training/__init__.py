"""Where the mathematics meets the data: batches, the loop, and what watches it."""
