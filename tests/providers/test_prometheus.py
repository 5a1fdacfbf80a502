"""The text format of Prometheus, as servers send it."""

from __future__ import annotations

import math
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accelerate import errors
from pytest_accelerate.providers import TGI
from pytest_accelerate.providers.prometheus import Metrics, Sample


def metrics(text: str, media_type: str = "text/plain; version=0.0.4") -> Metrics:
    """What a client makes of this text."""
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, text=text, headers={"content-type": media_type})
    )
    with TGI(transport=transport) as client:
        found: Metrics = client.server_metrics()
        return found


def test_samples_are_read_with_labels_times_and_types() -> None:
    """Each form of a line that the format's description shows is read."""
    found = metrics(
        "# HELP http_requests_total All of them.\n"
        "# TYPE http_requests_total counter\n"
        'http_requests_total{method="post",code="200"} 1027 1395066363000\n'
        'http_requests_total{method="post", code="400",} 3\n'
        'msdos_file_access_time_seconds{path="C:\\\\DIR\\\\F.TXT",error="No:\\n\\"F\\""} 1.458e9\n'
        "metric_without_timestamp_and_labels 12.47\n\n"
        'something_weird{problem="division by } zero"} +Inf -3982045\n'
        "nothing NaN\n"
    )
    assert found.samples[:5] == (
        Sample("http_requests_total", {"method": "post", "code": "200"}, 1027, 1395066363000),
        Sample("http_requests_total", {"method": "post", "code": "400"}, 3),
        Sample(
            "msdos_file_access_time_seconds",
            {"path": "C:\\DIR\\F.TXT", "error": 'No:\n"F"'},
            1.458e9,
        ),
        Sample("metric_without_timestamp_and_labels", {}, 12.47),
        Sample("something_weird", {"problem": "division by } zero"}, math.inf, -3982045),
    )
    assert math.isnan(found.samples[5].value)
    assert found.types == {"http_requests_total": "counter"}
    assert found.value("http_requests_total", code="400") == 3
    assert found.value("http_requests_total", code="500") is None


@pytest.mark.parametrize(
    "line",
    ["name", "1name 2", 'name{label="open} 2', "name{label=x} 2", "name two", "<p>It works!</p>"],
)
def test_a_line_that_is_none_is_told_when_it_is_read(line: str) -> None:
    """Such text is no error before a number is asked for, and a typed one then."""
    found = metrics(f"good 1\n{line}\n")
    assert found.text.endswith(f"{line}\n")
    with pytest.raises(errors.InvalidResponse, match="expected a metric's line"):
        found.value("good")


@pytest.mark.parametrize("media_type", ["text/html", "application/json", ""])
def test_what_is_no_plain_text_is_no_answer(media_type: str) -> None:
    """A page of HTML where metrics are expected is refused at once."""
    with pytest.raises(errors.InvalidResponse, match="metrics"):
        metrics("{}", media_type)


LABELS = st.dictionaries(
    st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n"\\{},= '),
            max_size=8),
    max_size=3,
)  # fmt: skip


@given(labels=LABELS, value=st.floats(allow_nan=False))
def test_what_is_written_by_the_rules_is_read_back(labels: Any, value: float) -> None:
    """Any label and any number come back as they were."""
    escaped = {
        name: text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        for name, text in labels.items()
    }
    pairs = ",".join(f'{name}="{text}"' for name, text in escaped.items())
    (sample,) = metrics(f"name{{{pairs}}} {value}\n").samples
    assert sample == Sample("name", labels, value)
