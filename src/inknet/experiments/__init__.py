"""The experiments: studies of many runs, each run one recipe, with tables, pictures and claims.

Read them in this order: ``catalogue`` (what a study is), ``plan`` (its runs), ``work`` (one run),
``backends`` (many of them: here, on processes, on a cluster), ``results`` (the folder they are kept
in), ``runner`` (all of that together), ``summary``, ``claims``, ``tables`` and ``pictures`` (what
came of it), ``search`` (runs whose settings are not planned but looked for), ``machine`` and
``measured`` (what figures were measured on, and the files that keep them).
"""
