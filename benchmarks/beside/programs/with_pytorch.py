"""With PyTorch: a module, an optimizer, and the loop written by oneself."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import torch
from mnist import load
from PIL import Image
from torch import nn


def build():
    """Return the network, not trained."""
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))


def predict(X):
    """Return the digit of each row of `X`."""
    with torch.inference_mode():
        return network(X).argmax(dim=1)


seed = int(sys.argv[1])
torch.manual_seed(seed)
X_train, y_train, X_val, y_val, X_test, y_test = map(torch.tensor, load(seed))
X_train, X_val, X_test = X_train / 255, X_val / 255, X_test / 255
network = build()
optimizer = torch.optim.Adam(network.parameters(), lr=0.004)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
cross_entropy = nn.CrossEntropyLoss()

curve = []
for epoch in range(1, 11):
    for rows in torch.randperm(len(X_train)).split(128):
        loss = cross_entropy(network(X_train[rows]), y_train[rows].long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    schedule.step()
    curve.append((predict(X_val) == y_val).float().mean().item())
    print(f"epoch {epoch}: {curve[-1]:.2%} of the validation images")
    if curve[-1] >= 0.98:
        break

plt.plot(range(1, len(curve) + 1), curve)
plt.xlabel("epoch")
plt.ylabel("validation accuracy")
plt.savefig("curve.png")

answers = predict(X_test)
print(f"test: {(answers == y_test).float().mean().item():.2%}")
torch.save(network.state_dict(), "digits.pt")
network = build()
network.load_state_dict(torch.load("digits.pt"))
assert torch.equal(predict(X_test), answers)
for path in sys.argv[2:]:
    grey = Image.open(path).convert("L").resize((28, 28))
    pixels = 1 - torch.from_numpy(np.asarray(grey, "float32")).reshape(1, 784) / 255
    print(path, predict(pixels).item())
