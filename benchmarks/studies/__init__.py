"""The questions: each study is a module with ``measure(rounds)``, which returns raw figures."""
