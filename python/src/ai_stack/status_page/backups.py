"""When backups were last made: what the backup wrote for node_exporter's textfile collector."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ai_stack.status_page.models import Backup

_LAST = "_backup_last_success_timestamp"
_STATUS = "_backup_status"
_SIZE = "_backup_size_bytes"


def read_backups(path: Path) -> list[Backup]:
    """Return the state of each kind of backup; none before the first one was tried. Blocking.

    Raises:
        OSError: the file is there and cannot be read.
        ValueError: it is not in the exposition format.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return []
    values = {
        sample.name: float(sample.value) for family in text_string_to_metric_families(text) for sample in family.samples
    }
    kinds = sorted({name.removesuffix(end) for name in values for end in (_LAST, _STATUS) if name.endswith(end)})
    return [
        Backup(
            kind=kind,
            succeeded=values.get(kind + _STATUS) == 1,
            last_success=values.get(kind + _LAST),
            size_bytes=values.get(kind + _SIZE),
        )
        for kind in kinds
    ]
