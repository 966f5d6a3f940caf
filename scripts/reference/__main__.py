"""Write the pages whose text has changed."""

from pathlib import Path

from .pages import pages

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8", newline="\n")
            print(f"docs/reference/{name}: written")


if __name__ == "__main__":
    main()
