"""With Keras: layers, `compile`, `fit` and a callback."""

import sys

import keras
import matplotlib.pyplot as plt
import numpy as np
from mnist import load
from PIL import Image


class Until98(keras.callbacks.Callback):
    """Ends the training when the validation accuracy says 98 %."""

    def on_epoch_end(self, epoch, logs=None):
        """Print the accuracy, and compare it."""
        print(f"epoch {epoch + 1}: {logs['val_accuracy']:.2%} of the validation images")
        self.model.stop_training = logs["val_accuracy"] >= 0.98


seed = int(sys.argv[1])
keras.utils.set_random_seed(seed)
X_train, y_train, X_val, y_val, X_test, y_test = load(seed)
X_train, X_val, X_test = (X.astype("float32") / 255 for X in (X_train, X_val, X_test))
layers = [keras.Input((784,)), keras.layers.Dense(512, "relu"), keras.layers.Dense(10, "softmax")]
model = keras.Sequential(layers)
schedule = keras.optimizers.schedules.CosineDecay(0.004, 10 * -(-len(X_train) // 128))
adam = keras.optimizers.Adam(schedule)
model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
fitted = model.fit(
    X_train,
    y_train,
    batch_size=128,
    epochs=10,
    validation_data=(X_val, y_val),
    callbacks=[Until98()],
    verbose=0,
)

curve = fitted.history["val_accuracy"]
plt.plot(range(1, len(curve) + 1), curve)
plt.xlabel("epoch")
plt.ylabel("validation accuracy")
plt.savefig("curve.png")

answers = model.predict(X_test, verbose=0).argmax(axis=1)
print(f"test: {np.mean(answers == y_test):.2%}")
model.save("digits.keras")
model = keras.models.load_model("digits.keras")
assert np.array_equal(model.predict(X_test, verbose=0).argmax(axis=1), answers)
for path in sys.argv[2:]:
    grey = Image.open(path).convert("L").resize((28, 28))
    pixels = 1 - np.asarray(grey, "float32").reshape(1, 784) / 255
    print(path, model.predict(pixels, verbose=0).argmax())
