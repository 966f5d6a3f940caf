# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Read my own handwriting
#
# Write some digits on paper, take a photo, and put its name here. Without a photo of yours, inknet
# draws a note to try it with.

# %%
from pathlib import Path

from inknet.data.example import write_example

picture = Path("note.jpg")
if not picture.exists():
    write_example(picture, "2026 1126")

# %% [markdown]
# ## The model
#
# It comes with inknet: a network of three layers that has learned from MNIST, with distortions that
# make its digits more like those of other people.

# %%
from inknet import MLP

model = MLP.pretrained()
model

# %% [markdown]
# ## What it reads
#
# A `Reading` shows itself: each digit in a box, blue where the model is sure, and the images that
# the network gets, each with its answer.

# %%
reading = model.read(picture)
reading

# %%
print(reading.in_a_line())
reading.verdict, reading.digits, reading.confidence

# %% [markdown]
# The verdict is `digit` if all is read and clear; `unsure` if not, and then the digits are the best
# guess; `blank` if there is no ink; and `not a digit` if there is some that is no digit.
#
# ## One digit after the other
#
# Each has a box in the picture, and a probability for each class. The second best guess says what
# it might be taken for.

# %%
for character in reading.characters:
    (best, p), (second, q) = reading.likeliest(character)
    print(f"{best}: {p:.5f}   {second}: {q:.5f}   {character.verdict}, at {character.box}")

# %% [markdown]
# ## What the network gets
#
# Never the photo: an image of 28 × 28 like those that it has learned from. Paper, light, shadows
# and lines are taken away; the digit gets MNIST's size, its strokes MNIST's width, and its centre
# of mass lies in the middle. Most misread digits look odd here already.

# %%
image = reading.characters[0].image
for row in image[::2]:  # every other row, as letters are about twice as high as wide
    print("".join(" .:-=+*#%@"[level // 26] for level in row))

# %% [markdown]
# ## If it is wrong
#
# - Look at the image above. Is the digit whole, upright and alone in its box?
# - Pen on plain paper, in even light, with some room between the digits is easiest.
# - `inknet explain pretrained --image digit.png` shows, number by number, why one digit got its
#   answer; `--true 7` shows what would have to change for another.
# - `inknet studio` lets you correct what it misreads, and trains further on your corrections.
#
# The picture of the reading can be kept:

# %%
reading.plot("steps.png")
