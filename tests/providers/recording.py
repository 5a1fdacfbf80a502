"""A server on loopback that keeps what it is sent and answers with what it was given."""

from __future__ import annotations

import email.message
import email.parser
import email.policy
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pytest_accelerate.providers.examples import CannedReply


@dataclass(frozen=True)
class Recorded:
    """One request, as it came over the wire."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; ``None`` for an empty one."""
        return json.loads(self.body) if self.body else None

    @property
    def form(self) -> list[tuple[str, str, str, bytes]]:
        """The parts of a form, sorted: name, file name, content type, content."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        parts = []
        for part in message.iter_parts():  # type: ignore[attr-defined]
            disposition = part["content-disposition"].params
            content = part.get_payload(decode=True)
            # A plain field's type says nothing.
            kind = part.get_content_type() if "filename" in disposition else ""
            parts.append((disposition["name"], disposition.get("filename", ""), kind, content))
        return sorted(parts)


@dataclass
class RecordingServer:
    """Answers every request with :attr:`reply`; use it in a ``with`` statement."""

    reply: CannedReply | Callable[[Recorded], CannedReply]
    requests: list[Recorded] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> RecordingServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def answer(self) -> None:
                parts = urlsplit(self.path)
                recorded = Recorded(
                    self.command,
                    parts.path,
                    tuple(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self._body(),
                )
                outer.requests.append(recorded)
                reply = outer.reply(recorded) if callable(outer.reply) else outer.reply
                self.send_response(reply.status)
                self.send_header("content-type", reply.media_type)
                self.send_header("content-length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("transfer-encoding", ""):
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            # The names that http.server looks for.
            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = answer  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
