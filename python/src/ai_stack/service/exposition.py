"""The text exposition format of Prometheus.

aioprometheus writes label values and help texts as they are; a quotation mark or a line break in one would make the
whole page unreadable. https://prometheus.io/docs/instrumenting/exposition_formats/ says how they are escaped.
"""

from aioprometheus.collectors import Collector, Registry
from aioprometheus.formats.text import TEXT_CONTENT_TYPE, TextFormatter
from aioprometheus.mypy_types import LabelsType, NumericValueType

CONTENT_TYPE = TEXT_CONTENT_TYPE


def render_text(registry: Registry) -> bytes:
    """Return all collectors of `registry`, sorted by name."""
    return _FORMATTER.marshall(registry)


class _Formatter(TextFormatter):
    def _format_line(self, name: str, labels: LabelsType, value: NumericValueType, const_labels: LabelsType) -> str:
        escaped = {key: _escape(str(text)).replace('"', r"\"") for key, text in labels.items()}
        return super()._format_line(name, escaped, value, const_labels)

    def marshall_lines(self, collector: Collector) -> list[str]:
        lines = super().marshall_lines(collector)
        lines[0] = f"# HELP {collector.name} {_escape(collector.doc)}"
        return lines


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


_FORMATTER = _Formatter()
