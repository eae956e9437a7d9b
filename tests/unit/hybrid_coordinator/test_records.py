"""Records of learned context."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ai_stack.hybrid_coordinator.records import BestPractice

TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80).filter(
    str.strip
)


def practice(**changes: object) -> BestPractice:
    return BestPractice.model_validate(
        {"category": "nix", "title": "Pin inputs", "description": "Commit the lock file.", **changes}
    )


@given(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=4))
def test_a_payload_is_read_as_it_was_written(category: str, title: str, description: str, lines: list[str]) -> None:
    record = BestPractice.model_validate(
        {"category": category, "title": title, "description": description, "examples": lines}
    )
    assert BestPractice.model_validate(record.model_dump(mode="json")) == record


def test_equal_content_has_one_id() -> None:
    record = practice()
    assert record.content_id() == practice(title="PIN inputs!", examples=["x"]).content_id()
    assert record.content_id() != practice(description="Never commit it.").content_id()


def test_what_was_counted_survives_an_update() -> None:
    stored = practice(endorsement_count=7, last_validated=datetime(2020, 1, 1, tzinfo=UTC))
    assert practice().updating(stored.model_dump(mode="json")).endorsement_count == 7


def test_an_unreadable_stored_payload_is_replaced() -> None:
    assert practice().updating({"title": 1}).endorsement_count == 0


def test_a_passage_shows_examples_and_what_to_avoid() -> None:
    record = practice(examples=["nix flake lock"], anti_patterns=["channels"], references=["manual"])
    assert record.passage() == (
        "Commit the lock file.\n\nExamples:\n- nix flake lock\n\nAvoid:\n- channels\n\nReferences:\n- manual"
    )
    assert practice().passage() == "Commit the lock file."


@pytest.mark.parametrize("field", ["category", "title", "description"])
def test_blank_fields_are_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        practice(**{field: "  "})
