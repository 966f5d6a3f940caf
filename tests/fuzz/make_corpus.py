"""Write the corpus from which the fuzzer starts: ``python tests/fuzz/make_corpus.py``.

It has a few small files for each reader: valid ones of every kind, and some that once caused bugs.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from readers import (
    DESCRIPTION,
    METRICS,
    idx_bytes,
    npy_bytes,
    npz_bytes,
    safetensors_bytes,
    state_dict_header,
)

FOLDER = Path(__file__).parent / "corpus"
IMAGES = (np.arange(6 * 4 * 4) * 37 % 256).astype(np.uint8).reshape(6, 4, 4)
LABELS = np.arange(6) % 3


def write(reader: str, name: str, content: bytes | str) -> None:
    """Write one file of the corpus."""
    path = FOLDER / reader / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def idx() -> None:
    images, labels = idx_bytes(IMAGES), idx_bytes(LABELS.astype(np.uint8))
    for reader in ("idx", "idx_packed"):
        write(reader, "images", images)
        write(reader, "labels", labels)
    write("idx", "images-gzipped", gzip.compress(images, mtime=0))
    write(
        "idx",
        "two-members",
        gzip.compress(images[:20], mtime=0) + gzip.compress(images[20:], mtime=0),
    )
    write("idx_packed", "longer-than-it-claims", images + b"more")
    write("idx", "xz", lzma.compress(images))
    floats = struct.pack(">BBBB3I", 0, 0, 0x0D, 3, 6, 4, 4) + IMAGES.astype(">f4").tobytes()
    write("idx", "floats", floats)
    columns = np.column_stack([LABELS] * 8).astype(">i4")
    write("idx", "qmnist-labels", struct.pack(">BBBB2I", 0, 0, 0x0C, 2, 6, 8) + columns.tobytes())


def csv() -> None:
    rows = ["label,pixel0,pixel1,pixel2,pixel3", "0,1,2,3,4", "1,255,0,0,255", "2,9,9,9,9"]
    write("csv", "plain", "\n".join(rows) + "\n")
    write("csv", "byte-order-mark", b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    write("csv", "gzipped", gzip.compress("\n".join(rows).encode(), mtime=0))
    write("csv", "quoted", '"label","a","b"\n1,2,3\n\n0, 4 ,5')
    write("csv", "floating", "label,a,b\n1,0.5,nan\n0,1e3,-1\n")
    write("csv", "decimals", "label,a,b\n1,0.5,3\n0,1e3,-1\n")
    write("csv", "semicolons", 'a;b;"y"\n1,5;2;"no"\n-3;4,25;"yes, so"\n2;2;"no"\n')
    write("csv", "rows-of-r", '"a","b","kind"\n"1",5.1,1,"x"\n"2",7,4,"z"\n')
    write("csv", "no-header", "5.1,3.5,setosa\n4.9,3,virginica\n")
    write("csv", "values-decide", "a\tb\tc\n0.5\t7\t1\n0.25\t8\t0\n0.75\t9\t1\n")


def npz() -> None:
    x, y = npy_bytes(IMAGES), npy_bytes(LABELS)
    names = npy_bytes(np.array(["a", "b", "c"]))
    write("npz", "images", npz_bytes(X=x, y=y, class_names=names))
    write("npz", "keras", npz_bytes(x_train=x, y_train=y, x_test=x, y_test=y))
    text, one_hot = npy_bytes(np.array(["a", "b", "c"])[LABELS]), npy_bytes(np.eye(3)[LABELS])
    medical = {"train_images": x, "train_labels": one_hot, "val_images": x, "val_labels": one_hot}
    write("npz", "medmnist", npz_bytes(test_images=x, test_labels=one_hot, **medical))
    colours = npy_bytes(np.repeat(IMAGES[..., None], 3, axis=3))
    write("npz", "colour", npz_bytes(images=colours, labels=text))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, content in (("features", x), ("labels", y)):
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), content, zipfile.ZIP_DEFLATED)
    write("npz", "packed", packed.getvalue())
    for name, values in {
        "pixels": IMAGES,
        "rows": IMAGES.reshape(6, 16),
        "floats": np.linspace(0, 1, 12, dtype="<f4").reshape(6, 2),
        "halves": np.linspace(0, 1, 12, dtype="<f2").reshape(6, 2),
        "other-order": np.asfortranarray(np.linspace(0, 1, 12, dtype=">f8").reshape(6, 2)),
        "text": np.array(["a", "b"]),
    }.items():
        write("npz_array", name, npy_bytes(values))
    header = b"{'descr': '<U0', 'fortran_order': False, 'shape': (99999,), }"
    write(
        "npz_array", "takes-no-bytes", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
    )
    write("npz_array", "unclosed", b"\x93NUMPY\1\0\x14\0{'a': '''           ")


def state_dict() -> None:
    write("state_dict", "sequential", state_dict_header())
    named = state_dict_header().replace("net.0", "fc1").replace("net.2", "fc10")
    write("state_dict", "named", named)
    write("state_dict", "halves", state_dict_header().replace("F32", "F16"))
    shapes = {"0.weight": [2, 1], "0.bias": [2], "3.weight": [2, 2], "3.bias": [2]}
    shapes |= {f"1.{part}": [2] for part in ("weight", "bias", "running_mean")}
    shapes |= {"1.num_batches_tracked": [5], "1.running_var": [2]}  # the last values are positive
    tensors, start = {}, 0
    for name, shape in shapes.items():
        end = start + 4 * int(np.prod(shape))
        tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
        start = end
    write("state_dict", "batch-norm", json.dumps(tensors))


def image() -> None:
    grey = Image.fromarray(np.kron(IMAGES[0], np.ones((3, 2), np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("L", "RGB", "RGBA", "P", "1", "LA", "I;16", "I", "F"):
        picture = grey.convert("I").convert(mode) if mode == "I;16" else grey.convert(mode)
        for ending in ("png", "bmp", "gif", "tiff", "jpeg", "webp"):
            if (mode, ending) in KEPT_PICTURES:
                file = io.BytesIO()
                options = {"compression": "tiff_lzw"} if (mode, ending) == ("RGB", "tiff") else {}
                if ending == "webp":
                    options = {"lossless": True}
                picture.save(file, ending, exif=exif if mode == "RGB" else b"", **options)
                for reader in ("image", "photo"):
                    write(reader, f"{mode.replace(';', '-')}.{ending}", file.getvalue())
    file = io.BytesIO()
    grey.convert("RGB").save(file, "jpeg", progressive=True)
    for reader in ("image", "photo"):
        write(reader, "progressive.jpeg", file.getvalue())


KEPT_PICTURES = {
    *((mode, "png") for mode in ("L", "RGB", "RGBA", "P", "1", "LA", "I;16")),
    *((mode, "tiff") for mode in ("L", "RGB", "RGBA", "P", "1", "LA", "I;16", "I", "F")),
    *((mode, "bmp") for mode in ("L", "RGB", "RGBA", "1")),
    *((mode, "gif") for mode in ("L", "P", "1", "RGBA")),
    *((mode, "jpeg") for mode in ("L", "RGB")),
    *((mode, "webp") for mode in ("RGB", "RGBA")),
}


def model() -> None:
    description = json.dumps(DESCRIPTION)
    write("model", "sound", safetensors_bytes(description))
    write(
        "model",
        "foreign",
        safetensors_bytes("", {"a": {"dtype": "F32", "shape": [27], "data_offsets": [0, 108]}}),
    )
    write("model_description", "sound", description)
    write(
        "model_description",
        "features",
        json.dumps(DESCRIPTION | {"image_shape": None, "pixels": None}),
    )
    wide = {"layer_dims": [4, 10**400, 2]}
    write(
        "model_description",
        "wide",
        json.dumps(DESCRIPTION | {"architecture": DESCRIPTION["architecture"] | wide}),
    )


def recipe() -> None:
    from inknet.recipes import Recipe, load_recipe

    write("recipe", "defaults", Recipe().to_toml())
    write("recipe", "final", load_recipe("final").to_toml())
    write(
        "recipe",
        "lists",
        '[network]\nhidden = [3, 4]\nactivations = ["relu", "tanh"]\nkeep_probs = [0.5, 1]\n',
    )
    write("recipe", "deep-key", f"seed.{'.'.join(['a'] * 290)} = 1\n")
    write("recipe", "hexadecimal", f"seed = 0x{'f' * 4000}\n")
    write("recipe", "line-break-in-a-key", '"a\\nb" = 1\n')


def metrics() -> None:
    write("metrics", "sound", json.dumps(METRICS, indent=2))
    write("metrics", "format-alone", '{"format": 1}')
    write(
        "metrics",
        "texts-for-numbers",
        json.dumps(METRICS | {"test": {"accuracy": "high", "samples": 1, "errors": 0}}),
    )


if __name__ == "__main__":
    for make in (idx, csv, npz, image, model, state_dict, recipe, metrics):
        make()
