"""The model in the package: handwritten digits, read without training anything.

``handwriting.safetensors`` is what the recipe ``handwriting`` learned from MNIST, with weights of
float16. ``make pretrained`` makes it again; beside it are the recipe, history and metrics of
that training, and README.md, which says what it is for and where it fails.
"""

from importlib.resources import as_file, files

from inknet.model_file import ModelFacts, load_model
from inknet.nn.network import Network

NAME = "handwriting.safetensors"


def load() -> tuple[Network, ModelFacts]:
    """Return the network, computing with float32, and what is known of its inputs and classes."""
    with as_file(files("inknet.pretrained") / NAME) as path:
        return load_model(path)
