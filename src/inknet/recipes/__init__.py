"""Recipes: all settings of a training run, and the recipes that come with inknet."""

from inknet.recipes.reading import (
    augment_recipe,
    check_readable,
    load_recipe,
    recipe_names,
    refuse_overruled,
    training_recipe,
)
from inknet.recipes.schema import AugmentRecipe, DataRecipe, NetworkRecipe, Recipe, TrainingRecipe

__all__ = [
    "AugmentRecipe",
    "DataRecipe",
    "NetworkRecipe",
    "Recipe",
    "TrainingRecipe",
    "augment_recipe",
    "check_readable",
    "load_recipe",
    "recipe_names",
    "refuse_overruled",
    "training_recipe",
]
