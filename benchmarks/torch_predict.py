"""What `inknet predict` does for a picture of 28×28 pixels, as one would write it with PyTorch."""

import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

network = nn.Sequential(
    nn.Linear(784, 128),
    nn.LeakyReLU(0.01),
    nn.Dropout(0.3),
    nn.Linear(128, 64),
    nn.LeakyReLU(0.01),
    nn.Dropout(0.3),
    nn.Linear(64, 32),
    nn.LeakyReLU(0.01),
    nn.Dropout(0.3),
    nn.Linear(32, 10),
)
model, picture = sys.argv[1:]
arrays = load_file(model)
network.load_state_dict({name.removeprefix("layers."): arrays[name] for name in arrays})
network.eval()
pixels = np.asarray(Image.open(picture).convert("L"), dtype=np.float32) / 255
with torch.inference_mode():
    probabilities = network(torch.from_numpy(pixels.reshape(1, 784))).softmax(dim=1)[0]
second, first = probabilities.argsort()[-2:].tolist()
print(f"{picture}: {first} ({probabilities[first]:.1%}, then {second} {probabilities[second]:.1%})")
