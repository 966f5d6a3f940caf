"""Where the mathematics meets the data: batches, the loop, and its callbacks."""
