"""Recipes from outside, and recipes that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pytest_accelerate import zoo
from pytest_accelerate.errors import NotConstructible, UsageError
from pytest_accelerate.zoo import recipes
from pytest_accelerate.zoo.recipe import Feed, Recipe


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A recipe module named ``outside_recipes``, to be written by the test."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(recipes, "_outside", {})
    yield tmp_path / "outside_recipes.py"
    import sys

    sys.modules.pop("outside_recipes", None)


def test_outside_recipe_builds_a_type_of_its_own(module: Path) -> None:
    """A registered module adds a type that transformers does not have."""
    module.write_text(
        "import torch\n"
        "from pytest_accelerate.zoo import Recipe\n"
        "RECIPES = {'mine': Recipe(build=lambda: (torch.nn.Linear(3, 2), "
        "{'input': torch.ones(2, 3)}))}\n"
    )
    zoo.register(["outside_recipes"])
    assert zoo.account("mine") == zoo.Runs()
    specimen = zoo.construct("mine")
    assert specimen.model(**specimen.inputs).shape == (2, 2)
    assert specimen.parameters == 8


def test_outside_recipe_wins(module: Path) -> None:
    """A recipe from outside replaces the rules for a type of the registry."""
    module.write_text(
        "from pytest_accelerate.zoo import Recipe\n"
        "RECIPES = {'bert': Recipe(config={'num_hidden_layers': 1})}\n"
    )
    zoo.register(["outside_recipes"])
    assert zoo.construct("bert").model.config.num_hidden_layers == 1


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "RECIPES"),
        ("RECIPES = {", "SyntaxError"),
        ("RECIPES = ['bert']", "must map model types to Recipe"),
        ("RECIPES = {'bert': 3}", r"RECIPES\['bert'\] must be a Recipe, not int"),
        (
            "from pytest_accelerate.zoo import Recipe\n"
            "RECIPES = {'bert': Recipe(inputs={'input_ids': 1})}",
            r"Recipe.inputs\['input_ids'\] must be a Feed",
        ),
        (
            "from pytest_accelerate.zoo import Recipe\n"
            "RECIPES = {'bert': Recipe(prompt={'input_ids': 1})}",
            r"Recipe.prompt\['input_ids'\] must be a Feed",
        ),
    ],
)
def test_malformed_module_says_what_is_wrong(module: Path, source: str, said: str) -> None:
    """A recipe module that cannot be used is an error that names it and the fault."""
    module.write_text(source)
    with pytest.raises(UsageError, match=said) as caught:
        zoo.register(["outside_recipes"])
    assert "outside_recipes" in str(caught.value)


def test_absent_module_is_named() -> None:
    """A recipe module that is not there is an error that names it."""
    with pytest.raises(UsageError, match="no_such_recipes"):
        zoo.register(["no_such_recipes"])


def test_failing_recipe_names_type_and_step(module: Path) -> None:
    """A recipe with an impossible config fails in one line: type, class, what failed."""
    module.write_text(
        "from pytest_accelerate.zoo import Recipe\n"
        "RECIPES = {'bert': Recipe(config={'num_attention_heads': 7})}\n"
    )
    zoo.register(["outside_recipes"])
    with pytest.raises(NotConstructible, match=r"bert \(BertModel\): it cannot be built") as caught:
        zoo.construct("bert")
    assert "\n" not in str(caught.value)


def test_recipe_must_say_why() -> None:
    """What covers a type or skips it needs a reason."""
    with pytest.raises(TypeError, match="say why"):
        Recipe(covered_by="bert")


def test_recipes_stack() -> None:
    """A recipe over another merges their mappings and keeps what it does not set."""
    feed = Feed(lambda feeding: torch.ones(1))
    base = Recipe(config={"a": 1, "b": 1}, inputs={"x": feed}, why="base")
    both = Recipe(config={"b": 2}).over(base)
    assert both.config == {"a": 1, "b": 2}
    assert both.inputs == {"x": feed}
    assert both.why == "base"
