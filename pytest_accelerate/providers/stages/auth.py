"""``auth``: a wrong key is told at once, a missing one before anything is sent, none is shown."""

from __future__ import annotations

import pickle
import traceback

import httpx

from pytest_accelerate.errors import AuthenticationFailed, MissingCredential, ProviderError
from pytest_accelerate.providers.mocks import KEY
from pytest_accelerate.providers.stages.base import Context, Way, check, error_of
from pytest_accelerate.stages.base import Outcome


def auth(context: Context) -> Outcome:
    """Refuse the key, and have none."""
    for way in context.ways:
        if context.declared.sends:
            _wrong(context, way)
        _missing(context, way)
    return Outcome()


def _wrong(context: Context, way: Way) -> None:
    """The server repeats the key in its answer, as some do."""
    reply = httpx.Response(
        401,
        json={"error": {"message": f"Incorrect API key: {KEY}", "type": "authentication_error"}},
    )
    with context.mocked(reply) as bench:
        error = error_of(
            lambda: context.call(way, bench.handler), AuthenticationFailed, "a wrong key"
        )
        check(bench.sent == 1, f"a wrong key is sent {bench.sent} times")
        check(not bench.clock.slept, "it slept though a wrong key stays wrong")
        _check_hidden(error)
        check(KEY not in repr(bench.client), "the key stands in the client's repr")
        bench.check_free("a refused call")


def _check_hidden(error: ProviderError) -> None:
    shown = {
        "message": str(error),
        "repr": repr(error),
        "attributes": repr(vars(error)),
        "arguments": repr(error.args),
        "traceback": "".join(traceback.format_exception(error)),
        "pickle": pickle.dumps(error).decode("latin-1"),
    }
    for name, text in shown.items():
        check(KEY not in text, f"the key stands in the error's {name}")


def _missing(context: Context, way: Way) -> None:
    if not context.provider.credential.required:
        with context.mocked(then=context.answered, keys=[]) as bench:
            context.call(way, bench.handler)
            header = context.provider.key_header
            check(header not in bench.requests[0].headers, f"{header} is sent without a key")
        return
    with context.mocked(keys=[]) as bench:
        error = error_of(lambda: context.call(way, bench.handler), MissingCredential, "no key")
        check(bench.sent == 0, "without a key it is sent nevertheless")
        variables = context.provider.credential.variables
        check(any(name in str(error) for name in variables), "the error names no variable to set")
        bench.check_free("a call without a key")
