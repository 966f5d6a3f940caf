"""From a picture of handwriting to images like MNIST's.

The order of reading: `opening` reads a file, `ink` tells ink from paper, `parts` finds what is
connected, `fitting` makes one character's image, `lines` removes what was printed, `character` does
all this in steps for one character, and `several` finds many, which are a `sheet`, after `turning`
made their rows straight; `grid` reads sheets of squares. `reading` chooses how a model reads a
picture, `verdicts` says whether the result counts, `answer` is what users get, and `drawing` shows
it.
"""

from inknet.photo.character import prepare, steps
from inknet.photo.opening import open_picture
from inknet.photo.reading import Reading
from inknet.photo.several import read_characters
from inknet.photo.sheet import Character

__all__ = ["Character", "Reading", "open_picture", "prepare", "read_characters", "steps"]
