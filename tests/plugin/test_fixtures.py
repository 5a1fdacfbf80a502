"""The fixtures that people use in tests of their own."""

from __future__ import annotations

import pytest


def test_endpoint_gives_a_loaded_model(pytester: pytest.Pytester) -> None:
    """``endpoint`` is callable now and awaitable, real, with the tiny weights of the run."""
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.mark.model_types("bert", "resnet")
        def test_mine(endpoint, model_type, hardware):
            output = endpoint(endpoint.example_inputs)
            again = asyncio.run(endpoint.acall(endpoint.example_inputs))
            assert output.implementation_type == "REAL"
            assert output.weights == "tiny"
            assert (output.cell.model_type, output.cell.hardware) == (model_type, hardware)
            assert list(output) == list(again)
        """
    )
    result = pytester.runpytest_subprocess("--hardware", "cpu,openvino")
    result.assert_outcomes(passed=4)


def test_model_type_and_hardware_parametrize_alone(pytester: pytest.Pytester) -> None:
    """A test over model types alone, or over hardware alone, gets no square of both."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.model_types("gpt2", "bert")
        def test_types(model_type):
            assert model_type in ("bert", "gpt2")

        def test_hardware(hardware):
            assert hardware in ("cpu", "openvino")
        """
    )
    result = pytester.runpytest_subprocess("--hardware", "cpu,openvino")
    result.assert_outcomes(passed=4)


def test_endpoints_is_a_mapping_of_handlers(pytester: pytest.Pytester) -> None:
    """``endpoints(model, hardware)`` and ``endpoints[model][hardware]`` are one object."""
    pytester.makepyfile(
        """
        def test_mapping(endpoints):
            assert endpoints("bert", "cpu") is endpoints["bert"]["cpu"]
            assert "bert" in endpoints and "bertt" not in endpoints
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_suite_of_its_own_can_time_an_endpoint(pytester: pytest.Pytester) -> None:
    """pytest-benchmark's fixture takes an endpoint like any function."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.model_types("bert")
        def test_speed(endpoint, benchmark):
            benchmark(endpoint, endpoint.example_inputs)
        """
    )
    pytester.runpytest_subprocess("--benchmark-max-time", "0.1").assert_outcomes(passed=1)
