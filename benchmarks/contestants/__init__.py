"""The same task with each library; a file imports no library but its own.

A contestant of a training is built from a `benchmarks.task.Task` and has two methods: ``epoch()``
trains for one epoch and returns its seconds, ``accuracy()`` returns that on the test images (None
where nothing is learned).
"""
