"""Fine-tuning: https://platform.openai.com/docs/api-reference/fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from pytest_accelerate.providers.openai.resources import AFTER, Page, Resource
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions
from pytest_accelerate.providers.reading import text_of


@dataclass(frozen=True, eq=False)
class FineTuningJob(Resource):
    """A model in training."""

    @property
    def finished(self) -> bool:
        """Whether it does not run any more, well or not."""
        return self.status in ("succeeded", "failed", "cancelled")

    @property
    def fine_tuned_model(self) -> str:
        """The name of the model that came of it; empty until it is there."""
        return text_of(self.data.get("fine_tuned_model"))


class FineTuningOperations:
    """What there is to do with jobs that train models."""

    @operation("POST", "/fine_tuning/jobs", answer=FineTuningJob, effect=Effect.SPEND, resend=False)
    def fine_tuning_create(
        *,
        model: str,
        training_file: str,
        hyperparameters: Mapping[str, Any] | None = None,
        integrations: Sequence[Mapping[str, Any]] | None = None,
        metadata: Mapping[str, str] | None = None,
        method: Mapping[str, Any] | None = None,
        seed: int | None = None,
        suffix: str | None = None,
        validation_file: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Train a model on an uploaded file."""

    @operation("GET", "/fine_tuning/jobs/{fine_tuning_job_id}", answer=FineTuningJob)
    def fine_tuning_get(*, fine_tuning_job_id: str, **options: Unpack[CallOptions]) -> None:
        """How far a job is."""

    @operation("GET", "/fine_tuning/jobs", answer=Page, paging=AFTER)
    def fine_tuning_list(
        *,
        after: str | None = None,
        limit: int | None = None,
        metadata: Mapping[str, str] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The jobs that there are, or those with this ``metadata``."""

    @operation(
        "POST",
        "/fine_tuning/jobs/{fine_tuning_job_id}/cancel",
        answer=FineTuningJob,
        encoding=Encoding.QUERY,
        effect=Effect.DELETE,
    )
    def fine_tuning_cancel(*, fine_tuning_job_id: str, **options: Unpack[CallOptions]) -> None:
        """Stop a job for good."""

    @operation("GET", "/fine_tuning/jobs/{fine_tuning_job_id}/events", answer=Page, paging=AFTER)
    def fine_tuning_events(
        *,
        fine_tuning_job_id: str,
        after: str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What a job has told so far."""

    @operation(
        "GET", "/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints", answer=Page, paging=AFTER
    )
    def fine_tuning_checkpoints(
        *,
        fine_tuning_job_id: str,
        after: str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The models that a job has kept on its way."""

    @operation(
        "POST",
        "/fine_tuning/jobs/{fine_tuning_job_id}/pause",
        answer=FineTuningJob,
        encoding=Encoding.QUERY,
        effect=Effect.CREATE,
    )
    def fine_tuning_pause(*, fine_tuning_job_id: str, **options: Unpack[CallOptions]) -> None:
        """Halt a job."""

    @operation(
        "POST",
        "/fine_tuning/jobs/{fine_tuning_job_id}/resume",
        answer=FineTuningJob,
        encoding=Encoding.QUERY,
        effect=Effect.SPEND,
    )
    def fine_tuning_resume(*, fine_tuning_job_id: str, **options: Unpack[CallOptions]) -> None:
        """Go on with a job that was halted."""
