"""Reading when backups were made."""

from pathlib import Path

import pytest

from ai_stack.status_page.backups import read_backups

WRITTEN = """\
# HELP ai_stack_backup_last_success_timestamp When the last whole backup was finished, in seconds since 1970.
# TYPE ai_stack_backup_last_success_timestamp gauge
ai_stack_backup_last_success_timestamp 1760000000
# TYPE ai_stack_backup_status gauge
ai_stack_backup_status 1
# TYPE ai_stack_backup_size_bytes gauge
ai_stack_backup_size_bytes 1048576
# TYPE qdrant_backup_status gauge
qdrant_backup_status 0
"""


def test_each_kind_has_its_state(tmp_path: Path) -> None:
    path = tmp_path / "backup.prom"
    path.write_text(WRITTEN)
    whole, qdrant = read_backups(path)
    assert (whole.kind, whole.succeeded, whole.last_success, whole.size_bytes) == (
        "ai_stack",
        True,
        1_760_000_000,
        1_048_576,
    )
    assert (qdrant.kind, qdrant.succeeded, qdrant.last_success) == ("qdrant", False, None)


def test_before_the_first_backup_there_are_none(tmp_path: Path) -> None:
    assert read_backups(tmp_path / "backup.prom") == []


def test_a_damaged_file_is_not_taken_for_no_backups(tmp_path: Path) -> None:
    path = tmp_path / "backup.prom"
    path.write_text("ai_stack_backup_status one\n")
    with pytest.raises(ValueError, match=r"."):
        read_backups(path)
