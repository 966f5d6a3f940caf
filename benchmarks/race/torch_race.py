"""PyTorch: batch normalization, fused Adam, one-cycle rate."""

from __future__ import annotations

import json
import sys

import torch
from torch import nn
from torch.nn import functional

from benchmarks.race import load


def main(seed: int, epochs: int, rate: float, batch_size: int, bfloat16: bool = False) -> float:
    """Train; return the accuracy on the test images."""
    torch.manual_seed(seed)
    X_train, y_train, X_test, y_test = map(torch.from_numpy, load())
    y_train, y_test = y_train.long(), y_test.long()
    layers: list[nn.Module] = []
    for fan_in, fan_out in ((784, 256), (256, 128)):
        layers += [nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out), nn.LeakyReLU()]
    network = nn.Sequential(*layers, nn.Linear(128, 10))
    adam = torch.optim.Adam(network.parameters(), fused=True)
    steps = epochs * -(-len(X_train) // batch_size)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=rate, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(X_train)).split(batch_size):
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = network(X_train[rows])
                loss = functional.cross_entropy(logits, y_train[rows], label_smoothing=0.05)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            cycle.step()
    network.eval()
    with torch.inference_mode():
        return float((network(X_test).argmax(dim=1) == y_test).float().mean())


if __name__ == "__main__":
    print(main(**json.loads(sys.argv[1])), flush=True)
