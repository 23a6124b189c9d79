"""Traces: how one request spent its time, over all processes, for any OpenTelemetry collector.

Off until an endpoint is set; then the cost is one comparison per stage. A span has the name of a
route, a part or a stage, and the labels of its metric: no id of a person or post, no text, no
query ever goes into one.

W3C Trace Context comes in with a request, goes along with each call, and goes out in the answer as
`traceresponse`. Whether a trace is kept depends on its id alone, so all processes agree without
asking, and a client can keep a request out of the traces, but not force it in.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from training.config import Config
from training.recorder import Metric, Recorder

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_NAME = "commonspace"
_provider: "TracerProvider | None" = None
_tracer: "Tracer | None" = None
_lock = threading.Lock()


class TracingConfig(Config):
    """Where traces go, and how many."""

    endpoint: str | None = None
    """URL of a collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces`
    is added. None: no traces."""
    sample: float = Field(default=0.1, ge=0, le=1)
    """Share of requests that are traced."""

    @field_validator("endpoint")
    @classmethod
    def _a_url(cls, endpoint: str | None) -> str | None:
        if endpoint is not None:
            parts = urlsplit(endpoint)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise ValueError("must be http(s)://host:port")
            if parts.username or parts.password:
                raise ValueError("must not hold credentials; set OTEL_EXPORTER_OTLP_HEADERS")
        return endpoint


def open_tracing(config: TracingConfig, part: str, exporter: "SpanExporter | None" = None) -> bool:
    """Have this process send spans from now on; True if it does.

    Args:
        config: where to.
        part: which part of the service this is.
        exporter: takes the spans at once instead of the endpoint, for tests.
    """
    global _provider, _tracer
    if config.endpoint is None and exporter is None:
        return _tracer is not None
    with _lock:
        if _tracer is None or exporter is not None:
            _provider = _opened(config, part, exporter)
            _tracer = _provider.get_tracer(_NAME)
    return True


def close_tracing() -> None:
    """Send what waits, and no more spans from now on."""
    global _provider, _tracer
    with _lock:
        provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        provider.shutdown()


def request_span(headers: Mapping[str, str], request_id: str) -> "AbstractContextManager[Any]":
    """The root of our part of a trace: an HTTP request with these headers; None if off."""
    if _tracer is None:
        return nullcontext()
    from opentelemetry.trace import SpanKind

    return _tracer.start_as_current_span(
        "request",
        context=_context(headers),
        kind=SpanKind.SERVER,
        attributes={"commonspace.request_id": request_id},
        record_exception=False,  # its message may hold what a person wrote
        set_status_on_exception=False,
    )


def routed(span: "Span | None", method: str, route: str, status: int) -> None:
    """Name a request's span once its route is known."""
    if span is None:
        return
    from opentelemetry.trace import StatusCode

    span.update_name(f"{method} {route}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def response_header(span: "Span | None") -> str | None:
    """`traceresponse` of W3C Trace Context, level 2, if the trace is kept."""
    if span is None or not span.is_recording():
        return None
    found = span.get_span_context()
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"


@contextmanager
def inner(name: str, kind: str = "INTERNAL", **attributes: str) -> Iterator[None]:
    """A span within the one that is open; nothing if none is, so that idle loops leave none."""
    if _tracer is None:
        yield
        return
    from opentelemetry import trace

    if not trace.get_current_span().is_recording():
        yield
        return
    with _tracer.start_as_current_span(
        name,
        kind=trace.SpanKind[kind],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(trace.StatusCode.ERROR)
            raise


def injected() -> dict[str, str]:
    """The open span as headers of W3C Trace Context; empty if there is none."""
    if _tracer is None:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers


def received(headers: Mapping[str, str], name: str) -> "AbstractContextManager[Any]":
    """A span of this process below the one that the headers name; nothing if they name none."""
    if _tracer is None or not headers:
        return nullcontext()
    from opentelemetry.trace import SpanKind

    return _tracer.start_as_current_span(
        name,
        context=_context(headers),
        kind=SpanKind.SERVER,
        record_exception=False,
        set_status_on_exception=False,
    )


class Traced(Recorder):
    """A recorder whose stages are spans, too.

    Args:
        recorder: takes the figures.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.add, self.set, self.observe = recorder.add, recorder.set, recorder.observe

    @contextmanager
    def stage(self, metric: Metric, **labels: str) -> Iterator[None]:
        """As `Recorder.stage`; the span is named by the metric and its labels."""
        subject = metric.name.removeprefix("commonspace_").removesuffix("_seconds")
        name = " ".join([subject, *filter(None, labels.values())])
        with inner(name, **labels), self._recorder.stage(metric, **labels):
            yield


def _opened(config: TracingConfig, part: str, exporter: "SpanExporter | None") -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

    share = TraceIdRatioBased(config.sample)
    sampler = ParentBased(
        share,
        remote_parent_sampled=share,
        remote_parent_not_sampled=ALWAYS_OFF,
    )
    named = Resource.create({"service.namespace": _NAME, "service.name": f"{_NAME}-{part}"})
    provider = TracerProvider(sampler=sampler, resource=named)
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        assert config.endpoint is not None
        to = OTLPSpanExporter(endpoint=f"{config.endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(to))
    return provider


def _context(headers: Mapping[str, str]) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    known = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    return TraceContextTextMapPropagator().extract(known, context=Context())
