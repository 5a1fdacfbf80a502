"""OPEA's microservices: ``opea-comps`` serves small components behind its own routes and types.

Its registration, validation, statistics, health routes and orchestration are what a client talks
to; what the services compute is in ``opea_comps_services.py``, which its own Python runs.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_accelerate.servers.base import Server

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

DOCUMENT = (
    "The lighthouse of Anholt was built in 1785. Its lamp burned coal before it burned oil. "
    "The harbour lies on the western side of the island."
)
"""What :meth:`OpeaComps.before` puts into the store."""
QUESTION = "When was the lighthouse of Anholt built?"

_SERVICES = "services.json"
_SCRIPTS = ("services", "megaservice", "components")


class OpeaComps(Server):
    """A ChatQnA deployment: the megaservice, and each microservice on a port of its own."""

    name: ClassVar[str] = "opea_comps"
    distribution: ClassVar[str] = "opea-comps"
    requirements: ClassVar[tuple[str, ...]] = ("opea-comps==1.5",)
    quick: ClassVar[bool] = False
    health: ClassVar[str] = "/v1/health_check"
    providers: ClassVar[tuple[str, ...]] = ("opea",)

    _folder = Path()

    def prepare(self, python: Path, folder: Path) -> None:
        """Put the services into the folder, where they write down their addresses too."""
        self._folder = folder
        for name in _SCRIPTS:  # a copy: beside this file are modules that theirs must not meet
            script = f"{self.name}_{name}.py"
            shutil.copy(Path(__file__).with_name(script), folder / script)

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The megaservice listens on ``port``, the others on free ones that they write down."""
        script = folder / f"{self.name}_services.py"
        return [str(python), str(script), str(port), str(folder / _SERVICES)]

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Nothing is told to anyone."""
        return {"OTEL_SDK_DISABLED": "true", "HF_HUB_OFFLINE": "1", "LANGSMITH_TRACING": "false"}

    def services(self) -> Mapping[str, str]:
        """The address of each microservice, by OPEA's name for it."""
        found: dict[str, str] = json.loads((self._folder / _SERVICES).read_text())
        return found

    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client that knows the address of each service."""
        from pytest_accelerate.providers import provider_class

        given = {"base_url": url, "services": self.services(), **options}
        return provider_class(provider)(**given)

    def before(self, client: Provider) -> None:
        """Put :data:`DOCUMENT` into the store, where it is not in there yet."""
        listed = [each["name"] for each in client["dataprep_list"]({}).entries]
        if "anholt.txt" not in listed:
            client["dataprep_ingest"](files=("anholt.txt", DOCUMENT.encode()))

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """One tiny call of each operation."""
        # Here: the services' own Python imports it too, and this one needs it for calls alone.
        from pytest_accelerate.servers.opea_comps_components import embed, speak

        vector = embed(QUESTION)
        return {
            "chatqna": {"messages": QUESTION},
            "chat": {"messages": [{"role": "user", "content": QUESTION}], "documents": [DOCUMENT]},
            "embeddings": {"input": [QUESTION, DOCUMENT]},
            "retrieval": {"embedding": vector, "text": QUESTION, "k": 1},
            "rerank": {"input": QUESTION, "retrieved_docs": ["Coal burns.", DOCUMENT]},
            "dataprep_ingest": {"files": (f"{uuid.uuid4().hex}.txt", b"Oil burns.")},
            "dataprep_list": {},
            "dataprep_delete": {"file_path": "anholt.txt"},
            "dataprep_indices": {},
            "guardrails": {"text": QUESTION},
            "audio_transcription": {"file": ("hello.wav", speak("hello"), "audio/wav")},
            "audio_speech": {"input": "hello"},
            "asr": {"audio": speak("hello")},
            "tts": {"text": "hello"},
            "health": {},
            "statistics": {"service": "embedding"},
        }
