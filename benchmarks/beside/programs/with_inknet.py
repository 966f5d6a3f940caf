"""With inknet: `MLP`, `train` and a callback."""

import sys

from inknet import MLP, Callback, load_arrays


class Until98(Callback):
    """Ends the training when the validation accuracy says 98 %."""

    def on_epoch_end(self, trainer):
        """Print the accuracy, and compare it."""
        record = trainer.history[-1]
        print(f"epoch {record.epoch}: {record.val_accuracy:.2%} of the validation images")
        if record.val_accuracy >= 0.98:
            trainer.stop_reason = "98 %"


seed = int(sys.argv[1])
X_train, y_train, X_val, y_val, X_test, y_test = load_arrays("mnist", seed, validation=1 / 6)
model = MLP([784, 512, 10], random_seed=seed)
history = model.train(
    X_train, y_train, X_val, y_val, learning_rate=0.004, num_epochs=10, callbacks=[Until98()]
)
history.plot("curve.png")

answers = model.predict(X_test)
print(f"test: {(answers == y_test).mean():.2%}")
model.save("digits.safetensors")
model = MLP.load("digits.safetensors")
assert (model.predict(X_test) == answers).all()
for path in sys.argv[2:]:
    print(path, model.read(path).digits)
