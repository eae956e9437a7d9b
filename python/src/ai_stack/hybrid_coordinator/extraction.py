"""From a good interaction to a record of learned context."""

import re
import uuid

from ai_stack.hybrid_coordinator.passages import clean, clean_line, shorten
from ai_stack.hybrid_coordinator.records import HEADING_LIMIT, ErrorSolution, Interaction, SkillPattern

TEXT_LIMIT = 8000
LINE_LIMIT = 1000

_ERROR_LINE = re.compile(
    r"\b\w*(?:Error|Exception)\b|\b(?:error|fatal|panic):|\bTraceback\b|"
    r"\b(?:failed to|cannot|could not|unable to|infinite recursion|segmentation fault|permission denied)\b",
    re.IGNORECASE,
)
_ERROR_NAME = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b")


def record_of(interaction: Interaction) -> ErrorSolution | SkillPattern | None:
    """Return what an interaction teaches: the solution of an error that it quotes, otherwise a way of doing something.

    None when nothing is left of it after cleaning.
    """
    query, response = clean(interaction.query), shorten(clean(interaction.response), TEXT_LIMIT)
    if not query or not response:
        return None
    source = {interaction.id.hex: interaction.value_score or 0.0}
    error = next((line.strip() for line in query.split("\n") if _ERROR_LINE.search(line)), None)
    if error is not None:
        name = _ERROR_NAME.search(error)
        return ErrorSolution(
            error_message=shorten(error, TEXT_LIMIT),
            error_type=shorten(name[0], LINE_LIMIT) if name else "error",
            context=shorten(query, TEXT_LIMIT) if query != error else None,
            solution=response,
            # Only interactions that succeeded are learned from.
            solution_verified=True,
            learned_from=source,
        )
    return SkillPattern(
        skill_name=clean_line(query, HEADING_LIMIT),
        description=shorten(query, TEXT_LIMIT),
        usage_pattern=response,
        learned_from=source,
    )


def uuids(ids: tuple[str, ...]) -> list[str]:
    """Return those of `ids` that can be ids of records, once each."""
    found = dict[str, None]()
    for id_ in ids:
        try:
            found[str(uuid.UUID(id_))] = None
        except ValueError:
            continue
    return list(found)
