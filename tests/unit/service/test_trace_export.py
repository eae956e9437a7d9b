"""Sampling and the description of a service in its spans."""

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, sampling
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ai_stack.service import tracing
from ai_stack.service.settings import SettingsError
from ai_stack.service.trace_export import QuietExporter, choose_sampler, describe_service
from support.logs import LogLines


@pytest.mark.parametrize(
    ("sample_rate", "environ", "expected"),
    [
        (None, {}, "ParentBased{root:TraceIdRatioBased{1.0}"),
        (0.25, {}, "ParentBased{root:TraceIdRatioBased{0.25}"),
        (0.25, {"OTEL_SAMPLE_RATE": "0.01"}, "ParentBased{root:TraceIdRatioBased{0.01}"),
        (0.25, {"OTEL_SAMPLE_RATE": ""}, "ParentBased{root:TraceIdRatioBased{0.25}"),
        (None, {"OTEL_TRACES_SAMPLER": "always_on", "OTEL_SAMPLE_RATE": "0"}, "AlwaysOnSampler"),
        (None, {"OTEL_TRACES_SAMPLER": "always_off"}, "AlwaysOffSampler"),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, "ParentBased{root:AlwaysOffSampler"),
        (None, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, "TraceIdRatioBased{0.5}"),
        (
            None,
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"},
            "ParentBased{root:TraceIdRatioBased{0.5}",
        ),
    ],
)
def test_the_environment_decides_on_sampling(
    sample_rate: float | None, environ: dict[str, str], expected: str, log_lines: LogLines
) -> None:
    assert choose_sampler(sample_rate, environ).get_description().startswith(expected)
    assert log_lines.text == ""


@pytest.mark.parametrize("rate", ["abc", "-0.1", "1.5", "nan"])
def test_a_bad_sample_rate_of_ours_stops_the_start(rate: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SAMPLE_RATE": rate}
    with pytest.raises(SettingsError, match=f"OTEL_SAMPLE_RATE must be a number from 0 to 1, not '{rate}'"):
        tracing.configure("tested", "1.2.3", None, environ)


def test_bad_standard_variables_are_reported_and_ignored(log_lines: LogLines) -> None:
    sampler = choose_sampler(0.25, {"OTEL_TRACES_SAMPLER": "jaeger_remote"})
    assert "TraceIdRatioBased{0.25}" in sampler.get_description()
    assert log_lines.last()["variable"] == "OTEL_TRACES_SAMPLER"
    sampler = choose_sampler(0.25, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"})
    assert isinstance(sampler, sampling.TraceIdRatioBased)
    assert sampler.rate == 1.0
    assert log_lines.last()["variable"] == "OTEL_TRACES_SAMPLER_ARG"


def test_spans_name_their_service() -> None:
    attributes = describe_service("aidb", "1.2.3", {}).attributes
    assert attributes["service.name"] == "aidb"
    assert attributes["service.version"] == "1.2.3"


def test_the_environment_may_rename_and_describe_the_service() -> None:
    environ = {
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=a,deployment.environment.name=pro%2Cd, host.name = h ,broken,=x",
        "OTEL_SERVICE_NAME": "b",
    }
    attributes = describe_service("aidb", "1.2.3", environ).attributes
    assert attributes["service.name"] == "b"
    assert attributes["deployment.environment.name"] == "pro,d"
    assert attributes["host.name"] == "h"
    assert (
        describe_service("aidb", "1.2.3", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a"}).attributes["service.name"]
        == "a"
    )


class Broken(SpanExporter):
    """Raises, and counts how often it was asked."""

    def __init__(self) -> None:
        self.exports = 0
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.exports += 1
        raise RuntimeError("the password is hunter2")

    def shutdown(self) -> None:
        self.shutdowns += 1


def test_an_exporter_that_raises_is_reported_once_by_type(log_lines: LogLines) -> None:
    exporter = QuietExporter(Broken())
    assert [exporter.export([]) for _ in range(3)] == [SpanExportResult.FAILURE] * 3
    assert [line["reason"] for line in log_lines.named("traces.export_failed")] == ["RuntimeError"]
    assert "hunter2" not in log_lines.text


def test_a_closed_exporter_is_left_alone() -> None:
    broken = Broken()
    exporter = QuietExporter(broken)
    exporter.shutdown()
    exporter.shutdown()
    assert exporter.export([]) is SpanExportResult.FAILURE
    assert (broken.exports, broken.shutdowns) == (0, 1)
