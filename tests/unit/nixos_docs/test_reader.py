from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_stack.nixos_docs.builder import build_index
from ai_stack.nixos_docs.catalogue import load_catalogue
from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.reader import MAX_CONTENT, IndexReader, SearchOutcome, SearchTimeout
from ai_stack.nixos_docs.sources import sources_below

WriteDocs = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def reader(index: Path) -> Iterator[IndexReader]:
    opened = IndexReader(index, load_catalogue(index))
    yield opened
    opened.close()


def search(reader: IndexReader, question: str, limit: int = 10, sources: list[str] | None = None) -> SearchOutcome:
    return reader.search(question, limit=limit, sources=sources)


def first(reader: IndexReader, question: str) -> str:
    return search(reader, question).hits[0].path


def test_a_question_in_plain_words_finds_its_section(reader: IndexReader) -> None:
    hit = search(reader, "how do I open a port in the firewall?").hits[0]
    assert (hit.path, hit.heading, hit.title) == ("manual/firewall.md", "Firewall > Opening ports", "Firewall")
    assert hit.source == "manual"
    assert "allowedTCPPorts" in hit.content
    assert (hit.anchor, hit.line, hit.truncated) == ("opening-ports", 5, False)


def test_an_options_name_finds_where_it_is_written(reader: IndexReader) -> None:
    assert search(reader, "networking.firewall.allowedTCPPorts").hits[0].heading == "Firewall > Opening ports"


def test_inflected_words_and_other_cases_match(reader: IndexReader) -> None:
    assert first(reader, "COLLECTING garbage") == "manual/collect.md"


def test_the_parts_of_a_mixed_case_name_find_it(reader: IndexReader) -> None:
    assert first(reader, "call package") == "pills/13-callpackage.md"


def test_misspelt_words_are_corrected_and_reported(reader: IndexReader) -> None:
    outcome = search(reader, "grabage colector")
    assert outcome.corrections == {"grabage": "garbage", "colector": "collector"}
    assert {hit.path for hit in outcome.hits} == {"manual/garbage.rst", "manual/collect.md"}


def test_the_best_section_of_each_document_comes_first(reader: IndexReader) -> None:
    paths = [hit.path for hit in search(reader, "firewall set port package").hits]
    documents = len(set(paths))
    assert documents > 1
    assert len(set(paths[:documents])) == documents
    assert len(paths) > documents


def test_the_total_counts_what_the_limit_cuts_off(reader: IndexReader) -> None:
    outcome = search(reader, "firewall package garbage", limit=1)
    assert len(outcome.hits) == 1
    assert outcome.total == search(reader, "firewall package garbage", limit=100).total > 1


def test_only_the_named_sources_are_searched(reader: IndexReader) -> None:
    everywhere = search(reader, "package garbage")
    assert {hit.source for hit in everywhere.hits} == {"manual", "pills"}
    some = search(reader, "package garbage", sources=["pills"])
    assert {hit.source for hit in some.hits} == {"pills"}
    assert some.total < everywhere.total


def test_relevance_falls(reader: IndexReader) -> None:
    hits = search(reader, "garbage collector store").hits
    assert [hit.relevance for hit in hits] == sorted((hit.relevance for hit in hits), reverse=True)
    assert hits[-1].relevance > 0


def test_no_hits_are_an_empty_answer(reader: IndexReader) -> None:
    assert search(reader, "zzzzqqqq") == SearchOutcome(hits=(), total=0, corrections={})


@pytest.mark.parametrize("question", ["", "  ", "?!", "_", "*", '"', '""', "---", "\u0301"])
def test_a_question_without_words_has_no_hits(question: str, reader: IndexReader) -> None:
    assert search(reader, question).hits == ()


@pytest.mark.parametrize(
    "question",
    [
        'firewall" AND "port',
        "title : firewall",
        "NEAR(firewall port)",
        "firewall NOT port",
        "^firewall*",
        "{title} : firewall",
        "firewall AND AND",
        "(firewall",
        "firewall'; DROP TABLE sections; --",
    ],
)
def test_search_syntax_in_a_question_is_text(question: str, reader: IndexReader) -> None:
    assert first(reader, question) == "manual/firewall.md"


@given(st.text(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_text_is_a_safe_question(reader: IndexReader, question: str) -> None:
    outcome = search(reader, question)
    assert outcome.total >= len(outcome.hits)


@given(
    st.lists(st.sampled_from(["firewall", '"', "NEAR(", ")", "*", "-", "AND", "OR", "NOT", ":", "{", "}", "+", "^"]))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mix_of_operators_is_an_error(reader: IndexReader, words: list[str]) -> None:
    search(reader, " ".join(words))


def test_a_question_of_thousands_of_words_is_bounded(reader: IndexReader) -> None:
    assert search(reader, " ".join(f"word{number}" for number in range(5000)) + " firewall").hits == ()


def test_a_long_section_is_cut_around_the_answer(write_docs: WriteDocs, tmp_path: Path) -> None:
    text = "# Long\n\n" + "filler words\n" * 1000 + "the needle is here\n" + "filler words\n" * 1000
    build_index(Inputs(sources_below(write_docs({"a/long.md": text}))), tmp_path / "index")
    reader = IndexReader(tmp_path / "index", load_catalogue(tmp_path / "index"))
    hit = search(reader, "where is the needle").hits[0]
    reader.close()
    assert "the needle is here" in hit.content
    assert len(hit.content) <= MAX_CONTENT
    assert hit.truncated


def test_a_search_ends_when_its_time_is_up(write_docs: WriteDocs, tmp_path: Path) -> None:
    files = {f"a/{number}.md": "# One\n\nfirewall\n\n# Two\n\nfirewall\n" for number in range(300)}
    build_index(Inputs(sources_below(write_docs(files))), tmp_path / "index")
    reader = IndexReader(tmp_path / "index", load_catalogue(tmp_path / "index"))
    looks = iter([False, False])
    with pytest.raises(SearchTimeout), reader.until(lambda: next(looks, True)):
        reader.search("firewall", limit=10)
    # The next search is not affected.
    assert search(reader, "firewall").total == 600
    reader.close()
