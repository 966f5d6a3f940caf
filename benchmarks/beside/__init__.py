"""The same task, written with inknet and in five other ways.

``programs`` has one program for each way, as a person would write it. ``ways`` lists them with what
is missing in each, ``counting`` counts their lines, ``installing`` makes a virtual environment for
each, ``running`` runs and times them, and ``page`` writes ``docs/beside.md`` from the figures in
``docs/beside.json``.
"""
