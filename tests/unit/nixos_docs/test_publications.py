import pytest

from ai_stack.nixos_docs.publications import publication, section_url


@pytest.mark.parametrize(
    ("source", "path", "url"),
    [
        ("nix.dev", "guides/faq.md", "https://nix.dev/guides/faq.html#made"),
        ("nix-manual", "language/index.md", "https://nix.dev/manual/nix/latest/language/index.html#made"),
        (
            "nix-manual",
            "src/nix/registry-pin.md",
            "https://nix.dev/manual/nix/latest/command-ref/new-cli/nix3-registry-pin.html#made",
        ),
        ("nix-manual", "src/nix/nix.md", "https://nix.dev/manual/nix/latest/command-ref/new-cli/nix.html#made"),
        ("nix-manual", "src/libstore/s3.md", "https://nix.dev/manual/nix/latest/store/types/s3.html#made"),
        ("nix-manual", "doc/manual/rl-next/x.md", None),
        ("nix-pills", "pills/00-preface.md", "https://nixos.org/guides/nix-pills/00-preface.html#made"),
        ("nixos-modules", "services/x.md", "https://nixos.org/manual/nixos/stable/#chosen"),
        ("mine", "a.md", None),
    ],
)
def test_known_sources_link_to_where_they_are_published(source: str, path: str, url: str | None) -> None:
    assert section_url(publication(source, None), path, "made", "chosen") == url


def test_a_configured_address_wins_over_what_is_known() -> None:
    where = publication("nix.dev", "https://docs.example.org/")
    assert section_url(where, "a/b.md", "", "") == "https://docs.example.org/a/b.md"
