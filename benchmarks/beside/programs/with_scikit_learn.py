"""With scikit-learn: `MLPClassifier`, an epoch at a time."""

import sys

import joblib
import matplotlib.pyplot as plt
import numpy as np
from mnist import load
from PIL import Image
from sklearn.neural_network import MLPClassifier

seed = int(sys.argv[1])
X_train, y_train, X_val, y_val, X_test, y_test = load(seed)
X_train, X_val, X_test = (X.astype("float32") / 255 for X in (X_train, X_val, X_test))
model = MLPClassifier([512], batch_size=128, random_state=seed)

curve = []
for epoch in range(1, 31):
    model.partial_fit(X_train, y_train, classes=range(10))
    curve.append(model.score(X_val, y_val))
    print(f"epoch {epoch}: {curve[-1]:.2%} of the validation images")
    if curve[-1] >= 0.98:
        break

plt.plot(range(1, len(curve) + 1), curve)
plt.xlabel("epoch")
plt.ylabel("validation accuracy")
plt.savefig("curve.png")

answers = model.predict(X_test)
print(f"test: {np.mean(answers == y_test):.2%}")
joblib.dump(model, "digits.joblib")
model = joblib.load("digits.joblib")
assert np.array_equal(model.predict(X_test), answers)
for path in sys.argv[2:]:
    grey = Image.open(path).convert("L").resize((28, 28))
    print(path, model.predict(1 - np.asarray(grey, "float32").reshape(1, 784) / 255)[0])
