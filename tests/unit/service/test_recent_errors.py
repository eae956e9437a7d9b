"""Remembering the last failures."""

from ai_stack.service.recent_errors import RecentError, RecentErrors


def failure(number: int) -> RecentError:
    return RecentError(
        error_id=str(number),
        request_id="r",
        timestamp="2026-01-09T06:58:00.000000Z",
        status=500,
        method="GET",
        route="/",
        error="internal error",
    )


def test_the_newest_are_kept_and_come_first() -> None:
    errors = RecentErrors(kept=3)
    for number in range(5):
        errors.add(failure(number))
    assert [error.error_id for error in errors.newest_first()] == ["4", "3", "2"]
