"""What Claude's API keeps beside messages: files, skills and profiles of users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.operation import Effect, Encoding, Paging, operation
from pytest_accelerate.providers.parameters import CallOptions, File, Files
from pytest_accelerate.transport.answers import Answer, BinaryAnswer, PageAnswer

_BY_PAGE = Paging("page", lambda page: page.get("next_page") or None)
_ENFORCEMENT = Literal["unrestricted", "pending", "restricted", "banned"]


class ClaudeResources(Provider):
    """The part of Claude's client that is not about messages."""

    @operation(
        "POST",
        "/v1/files",
        answer=Answer,
        encoding=Encoding.FORM,
        effect=Effect.CREATE,
        resend=False,
    )
    def files_upload(
        *,
        file: File,
        expires_in_seconds: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Upload a file that messages name: https://platform.claude.com/docs/en/api/files/upload."""

    @operation("GET", "/v1/files", answer=PageAnswer, paging=_BY_PAGE)
    def files_list(
        *,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
        page: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The files that were uploaded or that tools made."""

    @operation("GET", "/v1/files/{file_id}", answer=Answer)
    def files_get(*, file_id: str, **options: Unpack[CallOptions]) -> None:
        """What is known of a file: its name, size in bytes, media type."""

    @operation(
        "GET",
        "/v1/files/{file_id}/content",
        answer=BinaryAnswer,
        headers={"accept": "application/binary"},
    )
    def files_download(*, file_id: str, **options: Unpack[CallOptions]) -> None:
        """The content of a file that a tool or skill made; an uploaded one is not given back."""

    @operation("DELETE", "/v1/files/{file_id}", answer=Answer)
    def files_delete(*, file_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a file."""

    @operation(
        "POST",
        "/v1/skills",
        answer=Answer,
        encoding=Encoding.FORM,
        effect=Effect.CREATE,
        resend=False,
    )
    def skills_create(
        *,
        files: Files,
        display_name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Make a skill of files: https://platform.claude.com/docs/en/api/skills/create.

        All are named below one folder, ``SKILL.md`` at its root among them: give each as
        ``("folder/SKILL.md", content)``.
        """

    @operation("GET", "/v1/skills", answer=PageAnswer, paging=_BY_PAGE)
    def skills_list(
        *,
        limit: int | None = None,
        page: str | None = None,
        source: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The skills; ``source`` is ``custom`` or ``anthropic``."""

    @operation("GET", "/v1/skills/{skill_id}", answer=Answer)
    def skills_get(*, skill_id: str, **options: Unpack[CallOptions]) -> None:
        """One skill."""

    @operation("DELETE", "/v1/skills/{skill_id}", answer=Answer)
    def skills_delete(*, skill_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a skill."""

    @operation(
        "POST",
        "/v1/skills/{skill_id}/versions",
        answer=Answer,
        encoding=Encoding.FORM,
        effect=Effect.CREATE,
        resend=False,
    )
    def skill_versions_create(
        *, skill_id: str, files: Files, **options: Unpack[CallOptions]
    ) -> None:
        """Make another version of a skill, of files as :attr:`skills_create` takes them."""

    @operation("GET", "/v1/skills/{skill_id}/versions", answer=PageAnswer, paging=_BY_PAGE)
    def skill_versions_list(
        *,
        skill_id: str,
        limit: int | None = None,
        page: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The versions of a skill."""

    @operation("GET", "/v1/skills/{skill_id}/versions/{version}", answer=Answer)
    def skill_versions_get(*, skill_id: str, version: str, **options: Unpack[CallOptions]) -> None:
        """One version of a skill."""

    @operation("DELETE", "/v1/skills/{skill_id}/versions/{version}", answer=Answer)
    def skill_versions_delete(
        *, skill_id: str, version: str, **options: Unpack[CallOptions]
    ) -> None:
        """Delete one version of a skill."""

    @operation("POST", "/v1/user_profiles", answer=Answer, effect=Effect.CREATE, resend=False)
    def user_profiles_create(
        *,
        access_type: Literal["application", "passthrough"] | None = None,
        external_user_details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Make a profile of somebody on whose behalf calls are made."""

    @operation("GET", "/v1/user_profiles", answer=PageAnswer, paging=_BY_PAGE)
    def user_profiles_list(
        *,
        enforcement_status: Sequence[_ENFORCEMENT] | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        order_by: Literal["created_at", "name"] | None = None,
        page: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The profiles of users."""

    @operation("GET", "/v1/user_profiles/{user_profile_id}", answer=Answer)
    def user_profiles_get(*, user_profile_id: str, **options: Unpack[CallOptions]) -> None:
        """One profile."""

    @operation("POST", "/v1/user_profiles/{user_profile_id}", answer=Answer, effect=Effect.CREATE)
    def user_profiles_update(
        *,
        user_profile_id: str,
        access_type: Literal["application", "passthrough"] | None = None,
        external_user_details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Change a profile; what is not given stays as it is."""

    @operation("DELETE", "/v1/user_profiles/{user_profile_id}", answer=Answer)
    def user_profiles_delete(*, user_profile_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a profile."""

    @operation(
        "POST",
        "/v1/user_profiles/{user_profile_id}/action_urls",
        answer=Answer,
        effect=Effect.CREATE,
        resend=False,
    )
    def user_profiles_action_url(
        *, user_profile_id: str, action: Mapping[str, Any], **options: Unpack[CallOptions]
    ) -> None:
        """A link where somebody enrols on their own; ``action`` is ``{"type": "enroll_end_user"}``.

        Whoever holds the link in the answer can open it until it expires.
        """

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """What is sent for checked parameters: files always as a list.

        Raises:
            InvalidParameters: there are no files.
        """
        if "files" not in values:
            return values
        files = values["files"]
        if not isinstance(files, list):
            values = {**values, "files": [files]}
        elif not files:
            raise InvalidParameters("parameter 'files' must not be empty")
        return values
