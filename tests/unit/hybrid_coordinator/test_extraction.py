"""What an interaction teaches."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.extraction import record_of, uuids
from ai_stack.hybrid_coordinator.records import ErrorSolution, Interaction, SkillPattern

TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)


def interaction(query: str, response: str) -> Interaction:
    return Interaction(
        id=uuid.uuid4(), query=query, response=response, agent_type="local", revision="1", value_score=0.8
    )


def test_a_quoted_error_becomes_a_solution() -> None:
    asked = interaction("My build stops.\nValueError: no such attribute\nWhat now?", "Name it.")
    record = record_of(asked)
    assert isinstance(record, ErrorSolution)
    assert record.error_message == "ValueError: no such attribute"
    assert record.error_type == "ValueError"
    assert record.solution == "Name it."
    assert record.context == asked.query
    assert record.learned_from == {asked.id.hex: 0.8}


def test_a_question_becomes_a_pattern() -> None:
    record = record_of(interaction("How do I roll back?", "nixos-rebuild --rollback switch"))
    assert isinstance(record, SkillPattern)
    assert record.skill_name == "How do I roll back?"
    assert record.usage_pattern == "nixos-rebuild --rollback switch"


def test_nothing_is_learned_from_nothing() -> None:
    assert record_of(interaction("\x1b\u200b", "x")) is None


@given(TEXT, TEXT)
def test_whatever_was_said_fits_a_record(query: str, response: str) -> None:
    record = record_of(interaction(query * 40, response * 100))
    assert record is None or type(record).model_validate(record.model_dump(mode="json")) == record


def test_only_uuids_can_be_ids_of_records() -> None:
    id_ = uuid.uuid4()
    assert uuids((str(id_), "docs/page.md#Heading", "42", id_.hex, "")) == [str(id_)]
