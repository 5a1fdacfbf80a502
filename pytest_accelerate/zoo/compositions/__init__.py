"""Compositions: models put together from several, and other forms of a type; one file each.

Their names stand in :mod:`pytest_accelerate.compositions`, their recipes, with what they are fed,
in :mod:`pytest_accelerate.zoo.recipes.compositions`. Each file imports the library that it is made
of, so that only whoever builds a composition pays for it.
"""
