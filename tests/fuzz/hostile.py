"""Files designed to fill the memory, to take forever or to run code: ``name: (reader, make)``.

Each ``make`` writes one file to a path. The files are too large or too unusual for the corpus.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from readers import DESCRIPTION, METRICS, npy_bytes, safetensors_bytes

MEGABYTE = 1 << 20
LABELS = npy_bytes(np.arange(6) % 3)


class Harm:
    """An object that creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def gzipped(path: Path, start: bytes, repeated: bytes, n_bytes: int) -> None:
    """Write a gzip file that unpacks to ``start`` and then ``n_bytes`` of a repeated pattern."""
    block = repeated * (MEGABYTE // len(repeated))
    with gzip.open(path, "wb", 1) as file:
        file.write(start)
        for _ in range(n_bytes // len(block)):
            file.write(block)


def idx_header(*shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)


def array_header(text: str, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


def zipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def claims(shape: str, descr: str = "|u1") -> bytes:
    return array_header(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")


def lying_archive(path: Path) -> None:
    """Write an archive whose directory and array header both claim a terabyte."""
    claimed = 1 << 40
    zipped(path, X=claims(f"({claimed},)"), y=LABELS)
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\1\2")
    data[entry + 20 : entry + 28] = b"\xff" * 8  # the sizes are in the extra field
    name_length = int.from_bytes(data[entry + 28 : entry + 30], "little")
    extra = struct.pack("<HHQQ", 1, 16, claimed + 70, claimed + 70)
    data[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    place = entry + 46 + name_length
    data[place:place] = extra
    end = data.index(b"PK\5\6")
    size = int.from_bytes(data[end + 12 : end + 16], "little") + len(extra)
    data[end + 12 : end + 16] = struct.pack("<I", size)
    path.write_bytes(data)


def many_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.npy", b"")


def huge_png(path: Path) -> None:
    """Write a picture that claims ten billion pixels."""
    Image.new("L", (1, 1)).save(path, "png")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


def huge_tile(path: Path) -> None:
    """Write a picture of one pixel in a tile of a billion, compressed to a megabyte."""
    packer = zlib.compressobj(9)
    first, another = (
        packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    # after a full flush the same bytes stand for the same content; compressing it all takes seconds
    checksum = (1024 * MEGABYTE % 65_521) << 16 | 1  # Adler-32 of zeros
    packed = first + 1023 * another + b"\x03\0" + struct.pack(">I", checksum)
    tags = [(256, 1), (257, 1), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, 32_768), (323, 32_768), (324, 8), (325, len(packed))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + directory)


def picture(
    ending: str, width: int, mode: str, height: int | None = None
) -> Callable[[Path], None]:
    """Return a function that writes a picture, square or not, with a rotated orientation."""

    def write(path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        quickly = {"webp": {"lossless": True, "method": 0}, "png": {"compress_level": 1}}
        options = quickly.get(ending, {})
        size = width, width if height is None else height
        Image.new(mode, size).save(path, ending, exif=exif, **options)

    return write


def texts_in_png(path: Path) -> None:
    """A picture with a hundred texts that unpack to a megabyte each."""
    Image.new("L", (9, 9)).save(path, "png")
    data = path.read_bytes()
    content = b"zTXt" + b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    path.write_bytes(data[:33] + 100 * chunk + data[33:])


def model(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    """Return what writes a model file with a changed description."""

    def write(path: Path) -> None:
        description = json.loads(json.dumps(DESCRIPTION))
        change(description)
        path.write_bytes(safetensors_bytes(json.dumps(description)))

    return write


def layers(n: int) -> Callable[[dict[str, object]], None]:
    def change(description: dict[str, object]) -> None:
        description["architecture"] |= {
            "layer_dims": [4, *[1] * n, 2],
            "activations": [*["relu"] * n, "softmax"],
            "keep_probs": [1] * (n + 1),
        }

    return change


def widths(n: int) -> Callable[[dict[str, object]], None]:
    def change(description: dict[str, object]) -> None:
        layers(2)(description)
        description["architecture"]["layer_dims"] = [4, n, n, 2]

    return change


def many_arrays(path: Path) -> None:
    """Write a header of 60 MB that lists a million arrays without values."""
    entry = '"%07d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    text = "{" + ",".join(entry % number for number in range(1_000_000)) + "}"
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode())


def many_layers(path: Path) -> None:
    """Write linear layers of one number each, more than any network has."""
    tensors, start = {}, 0
    for number in range(20_000):
        for part, shape in (("weight", [1, 1]), ("bias", [1])):
            end = start + 4
            entry = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
            tensors[f"{number}.{part}"] = entry
            start = end
    text = json.dumps(tensors).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(start))


def long_name(path: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    text = json.dumps({"1." * 3_500_000 + "weight": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))


def path_tricks(path: Path) -> None:
    header: dict[str, object] = {"__metadata__": {"inknet": json.dumps(DESCRIPTION)}}
    for number, name in enumerate(("../../../etc/passwd", "/etc/shadow", "layers.0.weight\0x")):
        offsets = [4 * number, 4 * number + 4]
        header[name] = {"dtype": "F32", "shape": [1], "data_offsets": offsets}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(12))


def weights(value: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        sound = safetensors_bytes(json.dumps(DESCRIPTION))
        path.write_bytes(sound[:-4] + struct.pack("<f", value))

    return write


def sparse(path: Path) -> None:
    """Write a file of ten gigabytes that takes no space on the disk."""
    with path.open("wb") as file:
        file.truncate(10 << 30)


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content, "utf-8")


def laughs() -> str:
    """Return the billion-laughs attack on XML and YAML, as far as TOML can express it."""
    lines = ['a0 = "ha"'] + [f"a{n} = [a{n - 1}, a{n - 1}]" for n in range(1, 40)]
    return "\n".join(lines)


HOSTILE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "idx that claims more than a disk holds": (
        "idx",
        lambda path: path.write_bytes(idx_header(*[2**32 - 1] * 3)),
    ),
    "gzipped idx of 200 MB": (
        "idx",
        lambda path: gzipped(path, idx_header(200, 1024, 1024), b"\0", 200 * MEGABYTE),
    ),
    "gzipped idx longer than its header": (
        "idx",
        lambda path: gzipped(path, idx_header(6, 1, 1), b"\0", 200 * MEGABYTE),
    ),
    "csv with a line of 200 MB": (
        "csv",
        lambda path: gzipped(path, b"label,a\n", b"1,", 200 * MEGABYTE),
    ),
    "csv with a header of 200 MB": (
        "csv",
        lambda path: gzipped(path, b"label", b",a", 200 * MEGABYTE),
    ),
    "csv of ten gigabytes without a line": ("csv", sparse),
    "npz whose array has a header of 200 MB": (
        "npz",
        lambda path: zipped(path, X=array_header(" " * (200 * MEGABYTE), 2), y=LABELS),
    ),
    "npz of 200 MB": (
        "npz",
        lambda path: zipped(path, X=claims("(1, 209715200)") + bytes(200 * MEGABYTE), y=LABELS),
    ),
    "npz with names that take no bytes": (
        "npz",
        lambda path: zipped(
            path,
            X=npy_bytes(np.zeros((6, 2))),
            y=LABELS,
            class_names=claims("(99999999999,)", "<U0"),
        ),
    ),
    "npz with thirty million names": (
        "npz",
        lambda path: zipped(
            path,
            X=npy_bytes(np.zeros((6, 2))),
            y=LABELS,
            class_names=claims("(30000000,)", "<U1") + bytes(120_000_000),
        ),
    ),
    "npz whose directory lies": ("npz", lying_archive),
    "npz with twenty thousand members": ("npz", many_members),
    "png of ten billion pixels": ("image", huge_png),
    "png with texts of a hundred megabytes": ("image", texts_in_png),
    "tiff of one pixel in a huge tile": ("image", huge_tile),
    "png of 50 million pixels in a row": ("image", picture("png", 50_000_000, "RGB", 1)),
    "png of 50 million pixels in a column": ("image", picture("png", 1, "RGBA", 50_000_000)),
    "tiff of 50 million pixels in a row": ("image", picture("tiff", 50_000_000, "L", 1)),
    "webp of 50 million pixels": ("image", picture("webp", 7_000, "RGBA")),
    "model with a million arrays": ("model", many_arrays),
    "model whose header is longer than the file": (
        "model",
        lambda path: path.write_bytes(struct.pack("<Q", MEGABYTE) + b"{}"),
    ),
    "model whose header is longer than any": (
        "model",
        lambda path: path.write_bytes(b"\xff" * 8 + b"{}"),
    ),
    "model of ten gigabytes of nothing": ("model", sparse),
    "model of a hundred thousand layers": ("model", model(layers(100_000))),
    "model that is wider than can be printed": ("model", model(widths(10**4000))),
    "model that is wider than memory": ("model", model(widths(10**6))),
    "model with a hundred thousand names": (
        "model",
        model(lambda d: d.update(class_names=["a" * 60] * 100_000)),
    ),
    "model with a deeply nested description": (
        "model",
        lambda path: path.write_bytes(safetensors_bytes("[" * 500_000)),
    ),
    "model with a deeply nested header": (
        "model",
        lambda path: path.write_bytes(struct.pack("<Q", 500_000) + b"[" * 500_000),
    ),
    "model with arrays named as paths": ("model", path_tricks),
    "model with a weight that is nan": ("model", weights(float("nan"))),
    "model with a weight that is infinite": ("model", weights(float("inf"))),
    "state dict with twenty thousand layers": ("state_dict", many_layers),
    "state dict with a million tensors": ("state_dict", many_arrays),
    "state dict of ten gigabytes of nothing": ("state_dict", sparse),
    "state dict with a name of seven megabytes": ("state_dict", long_name),
    "recipe with a key of thirty thousand parts": (
        "recipe",
        text(f"seed.{'.'.join('a' * 30_000)} = 1"),
    ),
    "recipe of ten gigabytes": ("recipe", sparse),
    "recipe nested deeply": ("recipe", text("a = " + "[" * 9_000)),
    "recipe of tables in tables": ("recipe", text(f"[{'.'.join('a' * 4_000)}]\n" * 8)),
    "recipe with a billion laughs": ("recipe", text(laughs())),
    "recipe with a number of a million bits": ("recipe", text("seed = 0x" + "f" * 9_000)),
    "metrics nested deeply": ("metrics", text("[" * 1_000_000)),
    "metrics of five million lists": ("metrics", text("[" + "[]," * 5_000_000 + "1]")),
    "metrics of ten gigabytes": ("metrics", sparse),
}
"""All of these are refused."""

LARGE_BUT_SOUND: dict[str, tuple[str, Callable[[Path], object]]] = {
    "png of 49 million pixels": ("image", picture("png", 7_000, "RGBA")),
    "png of 100,000 by 490 pixels": ("image", picture("png", 100_000, "RGBA", 490)),
    "tiff of 490 by 100,000 wide numbers": ("image", picture("tiff", 490, "F", 100_000)),
    "webp of 25 million pixels": ("image", picture("webp", 5_000, "RGBA")),
    "tiff of 49 million wide numbers": ("image", picture("tiff", 7_000, "F")),
}
"""All of these are read, within the same memory."""


def pickles(trace: Path) -> dict[str, tuple[str, bytes]]:
    """Return a file with a pickle in it for each reader: ``name: (reader, content)``."""
    plain = pickle.dumps(Harm(trace))
    objects = io.BytesIO()
    np.savez(objects, X=np.array([[Harm(trace)]], object), y=np.zeros(1, int))
    labels, names, torch = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(labels, X=np.zeros((1, 2)), y=np.array([Harm(trace)], object))
    np.savez(names, X=np.zeros((1, 2)), y=[0], class_names=np.array([Harm(trace)], object))
    with zipfile.ZipFile(torch, "w") as archive:  # as torch.save makes them
        archive.writestr("model/data.pkl", plain)
    files = {
        f"plain pickle as {reader}": (reader, plain) for reader in ("idx", "csv", "npz", "image")
    }
    files |= {
        f"plain pickle as {reader}": (reader, plain)
        for reader in ("model", "state_dict", "recipe", "metrics")
    }
    files |= {
        "gzipped pickle as idx": ("idx", gzip.compress(plain)),
        "gzipped pickle as csv": ("csv", gzip.compress(plain)),
        "features that are objects": ("npz", objects.getvalue()),
        "labels that are objects": ("npz", labels.getvalue()),
        "names that are objects": ("npz", names.getvalue()),
        "model of PyTorch": ("model", torch.getvalue()),
        "state dict of PyTorch": ("state_dict", torch.getvalue()),
        "pickle in the description of a model": (
            "model",
            safetensors_bytes(plain.decode("latin-1")),
        ),
        "model of NumPy objects": ("model", objects.getvalue()),
        "pickle as a text of the metrics": (
            "metrics",
            json.dumps(METRICS | {"seed": plain.decode("latin-1")}).encode(),
        ),
    }
    return files
