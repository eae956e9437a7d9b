from hypothesis import given
from hypothesis import strategies as st

from ai_stack.nixos_docs.excerpt import excerpt


def test_a_short_section_is_returned_whole() -> None:
    assert excerpt("one\ntwo", ["three"], 100) == "one\ntwo"


def test_the_lines_that_hold_the_terms_are_chosen() -> None:
    body = "\n".join(["filler text here"] * 50 + ["open the port", "in the firewall"] + ["filler text here"] * 50)
    part = excerpt(body, ["port", "firewall"], 80)
    assert "open the port\nin the firewall" in part


def test_different_terms_count_more_than_one_repeated() -> None:
    body = "\n".join(["port port", "port port", "-" * 40, "port", "firewall"])
    assert excerpt(body, ["port", "firewall"], 15) == "port\nfirewall"


def test_a_single_long_line_is_cut() -> None:
    assert excerpt("x" * 100, [], 10) == "x" * 10


@given(
    st.text(alphabet="ab \n", max_size=200), st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3), st.integers(1, 50)
)
def test_an_excerpt_is_a_part_of_the_text_within_the_limit(body: str, terms: list[str], limit: int) -> None:
    part = excerpt(body, terms, limit)
    assert part in body
    assert len(part) <= limit
