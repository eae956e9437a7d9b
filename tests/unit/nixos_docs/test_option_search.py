import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_stack.nixos_docs.catalogue import Catalogue
from ai_stack.nixos_docs.options.search import Similarity, texts_to_embed
from ai_stack.nixos_docs.reader import IndexReader


def names(reader: IndexReader, catalogue: Catalogue, question: str, limit: int = 10) -> list[str]:
    outcome = reader.options.search(question, limit=limit)
    assert outcome.total >= len(outcome.hits)
    return [catalogue.names[number] for number, _ in outcome.hits]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("networking.firewall.allowedTCPPorts", "networking.firewall.allowedTCPPorts"),
        ("config.networking.hostName", "networking.hostName"),
        ("services.nginx.virtualHosts.example.forceSSL", "services.nginx.virtualHosts.<name>.forceSSL"),
        (
            'services.nginx.virtualHosts."a.b".locations."/".proxyPass',
            "services.nginx.virtualHosts.<name>.locations.<name>.proxyPass",
        ),
        ("services.nginx.virtualHosts", "services.nginx.virtualHosts"),
        ("nginx.enable", "services.nginx.enable"),
        ("proxyPass locations", "services.nginx.virtualHosts.<name>.locations.<name>.proxyPass"),
        ("how do I open a TCP port in the firewall?", "networking.firewall.allowedTCPPorts"),
        ("time zone", "time.timeZone"),
        ("timezone", "time.timeZone"),
        ("grobal enviroment variabels", "environment.variables"),
        ("HOST NAME", "networking.hostName"),
    ],
)
def test_options_are_found_however_they_are_asked_for(
    question: str, first: str, full_reader: IndexReader, catalogue: Catalogue
) -> None:
    assert names(full_reader, catalogue, question)[0] == first


def test_options_below_a_name_that_was_typed_follow_it(full_reader: IndexReader, catalogue: Catalogue) -> None:
    assert names(full_reader, catalogue, "services.nginx.virtualHosts", 3) == [
        "services.nginx.virtualHosts",
        "services.nginx.virtualHosts.<name>.forceSSL",
        "services.nginx.virtualHosts.<name>.locations.<name>.proxyPass",
    ]


def test_corrections_are_told(full_reader: IndexReader) -> None:
    assert full_reader.options.search("firewal prots", limit=1).corrections == {"firewal": "firewall", "prots": "ports"}


def test_words_that_stand_nowhere_find_nothing(full_reader: IndexReader) -> None:
    outcome = full_reader.options.search("zzzzqqqq", limit=5)
    assert (outcome.hits, outcome.total) == ((), 0)


def test_the_limit_cuts_off_and_the_total_counts(full_reader: IndexReader) -> None:
    outcome = full_reader.options.search("firewall", limit=1)
    assert len(outcome.hits) == 1
    assert outcome.total == 3


def similarity_of(catalogue: Catalogue) -> Similarity:
    return Similarity(
        options=np.zeros(len(catalogue.names), np.float32),
        sections=np.zeros(len(catalogue.section_documents), np.float32),
    )


def test_meaning_finds_what_shares_no_word(full_reader: IndexReader, catalogue: Catalogue) -> None:
    similarity = similarity_of(catalogue)
    similarity.options[catalogue.names.index("swapDevices")] = 0.6
    outcome = full_reader.options.search("more memory on disk", limit=3, similarity=similarity)
    assert catalogue.names[outcome.hits[0][0]] == "swapDevices"


def test_the_meaning_of_documentation_counts_for_the_options_it_names(
    full_reader: IndexReader, catalogue: Catalogue
) -> None:
    similarity = similarity_of(catalogue)
    # The third section of the documentation is about opening ports.
    similarity.sections[2] = 0.6
    outcome = full_reader.options.search("let visitors in", limit=3, similarity=similarity)
    assert [catalogue.names[number] for number, _ in outcome.hits] == ["networking.firewall.allowedTCPPorts"]


def test_words_of_the_documentation_count_for_the_options_it_names(
    full_reader: IndexReader, catalogue: Catalogue
) -> None:
    # No option's own description says so.
    assert names(full_reader, catalogue, "turning it off")[0] == "networking.firewall.enable"


def test_of_options_that_fit_alike_the_one_others_speak_of_comes_first(catalogue: Catalogue) -> None:
    weight = dict(zip(catalogue.names, catalogue.option_importance.tolist(), strict=True))
    # Shown in the documentation, referred to by another option; and deeper ones matter less.
    assert weight["networking.firewall.allowedTCPPorts"] > weight["networking.firewall.allowedUDPPorts"]
    assert weight["networking.hostName"] > weight["time.timeZone"]
    assert weight["services.nginx.enable"] > weight["services.nginx.virtualHosts.<name>.forceSSL"]


def test_an_option_is_embedded_by_its_name_in_words_and_its_description() -> None:
    assert texts_to_embed(["services", "nginx", "virtualHosts", "<name>", "forceSSL"], "Redirect  HTTP.\n") == (
        "services nginx virtual hosts force ssl",
        "services nginx virtual hosts force ssl: Redirect HTTP.",
    )


def test_a_name_is_embedded_as_words_and_a_question_corrected(full_reader: IndexReader) -> None:
    assert full_reader.options.prepare("networking.hostName").text_to_embed == "networking host name"
    assert full_reader.options.prepare("open firewal ports").text_to_embed == "open firewall ports"


@given(st.text(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_any_text_is_a_safe_question(full_reader: IndexReader, question: str) -> None:
    full_reader.options.search(question, limit=5)
    full_reader.prepare(question)
    full_reader.packages.search(question, limit=5)
