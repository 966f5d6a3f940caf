"""inknet against the other ways to train and use such a network on a CPU, in one run.

``task`` says what all do, ``contestants`` does it with each library, ``worker`` keeps each in a
process of its own, ``conductor`` lets them take turns, ``studies`` asks the questions, and ``page``
writes ``docs/performance.md`` from the answers in ``docs/performance.json``.
``stale`` says which of these are older than the operations that they measured.
"""
