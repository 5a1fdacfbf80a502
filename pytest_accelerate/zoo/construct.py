"""From a model type to a specimen, or to a clear reason why there is none."""

from __future__ import annotations

from collections.abc import Collection

from pytest_accelerate.cells import WEIGHTS
from pytest_accelerate.errors import NotConstructible, UsageError
from pytest_accelerate.zoo.accounts import account
from pytest_accelerate.zoo.recipes import recipe_for
from pytest_accelerate.zoo.specimen import CoveredBy, Skipped, Specimen


def construct(
    model_type: str,
    weights: str = "tiny",
    checkpoint: str | None = None,
    allow: Collection[str] = (),
) -> Specimen:
    """Build a model of ``model_type`` in fp32 on the CPU, with inputs for all its modalities.

    Args:
        model_type: a key of transformers' config registry, or of an outside recipe.
        weights: ``tiny`` (small, random), ``published`` (full size, random) or ``pretrained``.
        checkpoint: Hub id, local folder or ``s3://bucket/prefix``, for ``pretrained``.
        allow: what a checkpoint may bring beside tensors, of
            :data:`~pytest_accelerate.vocabulary.ALLOWANCES`.

    Raises:
        UnknownModelType: there is no such type.
        NotConstructible: it cannot be built or fed; says what is missing.
    """
    if weights not in WEIGHTS:
        raise UsageError(f"unknown weights {weights!r}; known: {', '.join(WEIGHTS)}")
    if weights == "pretrained" and checkpoint is None:
        raise NotConstructible(
            f"{model_type}: weights 'pretrained' need a checkpoint; map one in mapped_models.json"
        )
    found = account(model_type)
    if isinstance(found, CoveredBy):
        raise NotConstructible(f"{model_type} is covered by {found.parent}: {found.reason}")
    if isinstance(found, Skipped):
        raise NotConstructible(f"{model_type}: {found.reason}")
    from pytest_accelerate.zoo.build import build

    recipe = recipe_for(model_type)
    if weights != "pretrained" or recipe.build is not None or recipe.compose is not None:
        return build(model_type, recipe, weights)
    from pytest_accelerate.zoo.pretrained_specimen import pretrained

    assert checkpoint is not None
    if checkpoint.startswith("s3://"):
        from pytest_accelerate.zoo.checkpoints import fetched

        checkpoint = str(fetched(checkpoint))
    return pretrained(model_type, recipe, checkpoint, allow)
