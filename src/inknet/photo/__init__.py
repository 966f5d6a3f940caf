"""From a picture of handwriting to images like MNIST's.

The order of reading: `opening` reads a file, `ink` tells ink from paper, `parts` finds what is
connected, `fitting` makes one character's image, `lines` removes what was printed, `character` does
all this in steps for one character, `several` finds many, and `reading` chooses how a model reads a
file.
"""

from inknet.photo.character import prepare, steps
from inknet.photo.opening import open_picture
from inknet.photo.several import Character, read_characters

__all__ = ["Character", "open_picture", "prepare", "read_characters", "steps"]
