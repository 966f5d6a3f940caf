"""The command line as ``python -m inknet``, where the command ``inknet`` is not on the path."""

from inknet.cli.app import main

if __name__ == "__main__":
    main()
