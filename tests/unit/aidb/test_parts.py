"""The small parts: vectors, what is embedded, model identities, migrations, settings."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_stack.aidb.chunking import chunk_document, count_tokens
from ai_stack.aidb.connecting import connection_arguments
from ai_stack.aidb.embedder import HEADING_TOKENS, embedding_text
from ai_stack.aidb.identity import ModelIdentity
from ai_stack.aidb.migrate import load_migrations
from ai_stack.aidb.settings import AidbSettings
from ai_stack.aidb.storing import NewDocument
from ai_stack.aidb.vectors import DIMENSION, to_literal, to_vectors

MODEL = ModelIdentity("m", "r" * 64, DIMENSION)


# Vectors of this size take a slow machine longer than Hypothesis likes.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=DIMENSION, max_size=DIMENSION))
def test_a_vector_survives_its_text_form(values: list[float]) -> None:
    vector = np.asarray(values, dtype=np.float32)

    assert np.array_equal(np.asarray(orjson.loads(to_literal(vector)), dtype=np.float32), vector)


@pytest.mark.parametrize(
    "rows",
    [
        None,
        "x",
        {},
        [],
        [[1.0]],
        [[1.0] * DIMENSION] * 2,
        [[0.0] * DIMENSION],
        [[1e-12] * DIMENSION],
        [[float("nan")] * DIMENSION],
        [[float("inf")] * DIMENSION],
        [[1e300] * DIMENSION],
        [["x"] * DIMENSION],
        [[None] * DIMENSION],
        [[[1.0]] * DIMENSION],
        [[10**400] * DIMENSION],
    ],
)
def test_what_is_no_vector_with_a_direction_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="vector"):
        to_vectors(rows, count=1)


def test_a_heading_goes_before_its_text_and_white_space_is_normalised() -> None:
    assert embedding_text("Guide > Install", "Step\n\n   one.\t") == "Guide > Install Step one."


def test_of_a_long_heading_the_innermost_titles_are_kept() -> None:
    heading = " > ".join(["outer " * 50, "middle words", "inner words"])

    text = embedding_text(heading, "body")

    assert text == "middle words > inner words body"
    assert count_tokens(text) <= HEADING_TOKENS + 1


def test_a_title_that_is_too_long_by_itself_is_left_out() -> None:
    assert embedding_text("word " * 60, "body") == "body"


def test_the_title_of_a_document_begins_each_heading_once() -> None:
    def headings(title: str) -> list[str]:
        text = "# One\n\na\n\n## Two\n\nb\n"
        chunks = chunk_document(text, "text/markdown", max_tokens=50)
        document = NewDocument("p", "a.md", title, "text/markdown", text, {}, "approved", chunks)
        return [document.heading_of(chunk) for chunk in chunks]

    assert headings("One") == ["One", "One > Two"]
    assert headings("Other") == ["Other > One", "Other > One > Two"]


def test_equal_models_do_not_conflict_and_others_do() -> None:
    assert MODEL.conflict(None) is None
    assert MODEL.conflict(MODEL) is None
    other = ModelIdentity("m", "s" * 64, DIMENSION)
    conflict = other.conflict(MODEL)
    assert conflict is not None
    assert "m (revision ssssssssssss, dimension 384)" in conflict
    assert "m (revision rrrrrrrrrrrr, dimension 384)" in conflict


def test_a_model_of_another_dimension_conflicts_with_the_schema() -> None:
    conflict = ModelIdentity("m", "r", 768).conflict(None)

    assert conflict is not None
    assert "dimension 768" in conflict
    assert "vectors of dimension 384" in conflict


@pytest.mark.parametrize(
    "info",
    [None, [], {}, {"model": "m"}, {"model": "m", "revision": "r", "dimensions": "384"}, {"model": None}],
)
def test_an_answer_without_a_model_is_refused(info: Any) -> None:
    with pytest.raises(ValueError, match="names no model"):
        ModelIdentity.from_info(info)


def test_migrations_are_numbered_and_can_be_taken_back() -> None:
    migrations = load_migrations()

    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))
    assert all(migration.down.strip() for migration in migrations)
    assert len({migration.checksum for migration in migrations}) == len(migrations)


def test_a_gap_in_the_migrations_is_refused(tmp_path: Path) -> None:
    for name in ("0001_a.up.sql", "0001_a.down.sql", "0003_c.up.sql", "0003_c.down.sql", "notes.txt"):
        (tmp_path / name).write_text("SELECT 1")

    with pytest.raises(ValueError, match="without a gap"):
        load_migrations(tmp_path)


def test_the_password_is_given_to_the_server_only_where_there_is_one() -> None:
    without = connection_arguments(AidbSettings(auth="disabled"))
    having = connection_arguments(AidbSettings(auth="disabled", postgres_password="secret"))

    assert "password" not in without
    assert having["password"] == "secret"
    assert "secret" not in repr(AidbSettings(auth="disabled", postgres_password="secret"))
