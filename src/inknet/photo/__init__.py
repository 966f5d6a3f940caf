"""From a picture of handwriting to images like MNIST's.

The order of reading: `opening` reads a file, `ink` tells ink from paper, `lines` removes what was
printed, `parts` finds what is connected, `fitting` makes one character's image, and `character`
does all this in steps.
"""

from inknet.photo.character import prepare, steps
from inknet.photo.opening import open_picture

__all__ = ["open_picture", "prepare", "steps"]
