"""One sample on its way through a network, with every number as the sum that it is.

`tracing` takes a sample through a network and a step of training; `answers`, `steps` and `updates`
say which sum each number is (`explaining`), with the lines that compute it (`source_lines`).
`checking` compares gradients with finite differences. `subject` is a model and one sample, `walk`
takes it to the loss and back, and `learning` through a step of training.
"""
