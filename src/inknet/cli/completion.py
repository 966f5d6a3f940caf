"""What the shell may complete besides commands and options: names of recipes, sources and keys.

Where nothing of these fits, the shell completes paths.
"""

from __future__ import annotations


def recipes(incomplete: str) -> list[str]:
    """Return the names of recipes that begin so."""
    from inknet.recipes.reading import recipe_names

    return _beginning(recipe_names(), incomplete)


def sources(incomplete: str) -> list[str]:
    """Return the names of sources that begin so."""
    from inknet.data.sources import source_names

    return _beginning(source_names(), incomplete)


def keys(incomplete: str) -> list[str]:
    """Return the keys of a recipe that begin so, each with the sign after which its value comes."""
    from inknet.recipes import Recipe
    from inknet.recipes.keys import described_keys

    return _beginning([f"{key.name}=" for key in described_keys(Recipe())], incomplete)


def _beginning(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
