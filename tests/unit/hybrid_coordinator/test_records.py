"""Records of learned context."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ai_stack.hybrid_coordinator.records import (
    COLLECTIONS,
    BestPractice,
    CodebaseContext,
    ErrorSolution,
    Interaction,
    SkillPattern,
)

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


def test_every_kind_of_record_is_read_as_it_was_written_and_shows_what_it_holds() -> None:
    code = CodebaseContext(file_path="a.py", code_snippet="print(1)", language="python", purpose="Prints one")
    skill = SkillPattern(skill_name="Roll back", description="Undo a switch", usage_pattern="nixos-rebuild --rollback")
    error = ErrorSolution(error_message="infinite recursion", error_type="nix", solution="Do not use pkgs there")
    asked = Interaction(id=uuid.uuid4(), query="How?", response="So.", agent_type="local", revision="1")
    for record, shown in ((code, "print(1)"), (skill, "--rollback"), (error, "not verified"), (asked, "Answered: So.")):
        assert type(record).model_validate(record.model_dump(mode="json")) == record
        assert COLLECTIONS[record.collection].record is type(record)
        assert shown in record.passage()
        assert record.heading
        assert record.embedded_text()


def test_two_equal_questions_are_two_interactions_and_two_solutions_of_one_error_are_two_records() -> None:
    asked = Interaction(id=uuid.uuid4(), query="How?", response="So.", agent_type="local", revision="1")
    assert asked.content_id() != asked.model_copy(update={"id": uuid.uuid4()}).content_id()
    error = ErrorSolution(error_message="infinite recursion", error_type="nix", solution="Do not use pkgs there")
    assert error.content_id() != error.model_copy(update={"solution": "Use lib.mkIf"}).content_id()
