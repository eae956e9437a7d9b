"""Reciprocal rank fusion and near-duplicates."""

from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.candidates import Candidate, Ranking
from ai_stack.hybrid_coordinator.fusion import RRF_K, fuse
from ai_stack.hybrid_coordinator.passages import fingerprint


def candidate(name: str, text: str, similarity: float | None = None, service: str = "aidb") -> Candidate:
    return Candidate(id=name, service=service, text=text, score=1.0, similarity=similarity)


def ranking(name: str, *texts: str) -> Ranking:
    return Ranking(name, tuple(candidate(f"{name}{i}", text) for i, text in enumerate(texts)))


# Distinct words, so that only equal texts are duplicates.
TEXTS = st.sampled_from([f"topic{i} alpha{i} beta{i} gamma{i} delta{i}" for i in range(12)])
RANKINGS = st.lists(st.lists(TEXTS, max_size=8), max_size=4).map(
    lambda lists: [ranking(f"source{i}", *texts) for i, texts in enumerate(lists)]
)


@given(RANKINGS)
def test_every_passage_comes_out_once_and_none_is_invented(rankings: list[Ranking]) -> None:
    given_texts = {fingerprint(c.text) for r in rankings for c in r.candidates}
    fused = fuse(rankings)
    assert len(fused) == len(given_texts)
    assert {fingerprint(f.candidate.text) for f in fused} == given_texts


@given(RANKINGS)
def test_scores_are_the_sum_of_reciprocal_ranks_and_descend(rankings: list[Ranking]) -> None:
    fused = fuse(rankings)
    assert [f.score for f in fused] == sorted((f.score for f in fused), reverse=True)
    for item in fused:
        expected = 0.0
        for one in rankings:
            ranks = [rank for rank, c in enumerate(one.candidates, 1) if c.text == item.candidate.text]
            if ranks:
                expected += 1 / (RRF_K + ranks[0])
                assert one.name in item.found_by
        assert abs(item.score - expected) < 1e-12


@given(RANKINGS)
def test_fusion_is_deterministic(rankings: list[Ranking]) -> None:
    assert fuse(rankings) == fuse(rankings)


@given(st.lists(TEXTS, max_size=8, unique=True))
def test_a_single_ranking_keeps_its_order(texts: list[str]) -> None:
    assert [f.candidate.text for f in fuse([ranking("one", *texts)])] == texts


def test_a_passage_that_two_sources_return_comes_before_one_that_a_single_source_ranks_first() -> None:
    shared = "how to open a port in the firewall of the machine"
    fused = fuse(
        [
            ranking("a", "something only the first source knows about disks", shared),
            ranking("b", "something only the second source knows about users", shared),
        ]
    )
    assert fused[0].candidate.text == shared
    assert fused[0].found_by == ("a", "b")


def test_a_chunk_and_the_section_that_holds_it_are_one_passage() -> None:
    chunk = "to open a port add its number to the list of allowed ports and rebuild the system"
    section = f"Firewall. {chunk}. The change takes effect at once and survives a restart of the machine."
    fused = fuse([ranking("a", chunk), ranking("b", section)])
    assert [f.candidate.text for f in fused] == [chunk]


CHUNK = "to open a port add its number to the list of allowed ports and rebuild the system then ask a friend to try it"
#: Begins in the middle of the chunk, as a service would that cuts pages elsewhere.
LATER = f"{CHUNK.partition('its number to ')[2]} and close it when done"


def of_page(path: str | None, text: str) -> Ranking:
    return Ranking(f"at {path}", (Candidate(id=str(path), service="aidb", text=text, score=1.0, path=path),))


def test_passages_that_overlap_on_one_page_are_one_whatever_the_page_is_called() -> None:
    for other in ("firewall.md", "docs/firewall.md"):
        (fused,) = fuse([of_page("firewall.md", CHUNK), of_page(other, LATER)])
        assert fused.candidate.text == CHUNK


def test_passages_that_overlap_on_different_pages_are_two() -> None:
    for other in ("ports.md", "old-firewall.md", None):
        assert len(fuse([of_page("firewall.md", CHUNK), of_page(other, LATER)])) == 2
    assert (
        len(fuse([of_page("firewall.md", CHUNK), of_page("firewall.md", "what else the firewall of this page does")]))
        == 2
    )


def test_equal_ranks_are_ordered_by_similarity_then_by_source() -> None:
    near = Ranking("b", (candidate("near", "words of a near passage here", 0.9),))
    far = Ranking("a", (candidate("far", "entirely other content of the far one", 0.5),))
    unknown = Ranking("c", (candidate("unknown", "a third text without any vector score"),))
    assert [f.candidate.id for f in fuse([unknown, far, near])] == ["near", "far", "unknown"]


def test_the_best_similarity_of_duplicates_is_kept() -> None:
    text = "one and the same text in both of the sources"
    without = Ranking("a", (candidate("1", text),))
    with_ = Ranking("b", (candidate("2", text, 0.8),))
    (fused,) = fuse([without, with_])
    assert fused.candidate.id == "1"
    assert fused.candidate.similarity == 0.8
