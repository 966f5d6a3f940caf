"""Whole programs that train on MNIST as fast as they can, one for each library.

Each is started with its settings as JSON, and prints the share of the official test images that it
reads rightly. It loads the files, trains for a number of epochs with a rate that rises and falls
(scikit-learn has no such schedule), and evaluates once.
"""
