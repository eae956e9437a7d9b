"""Where well-known documentation sources are published."""

from collections.abc import Callable
from dataclasses import dataclass

_NIX_MANUAL = "https://nix.dev/manual/nix/latest/"
_NIX_PILLS = "https://nixos.org/guides/nix-pills/"
_NIXOS_MANUAL = "https://nixos.org/manual/nixos/stable/"
_HOME_MANAGER = "https://nix-community.github.io/home-manager/"


@dataclass(frozen=True, slots=True)
class Publication:
    """A source that is also on the web.

    `page` maps a path below the source to the address of its page, None for text that is not published.
    `single_page` says that all of it is one page, on which only the anchors exist that the authors chose.
    """

    title: str
    kind: str
    web_url: str
    page: Callable[[str], str | None]
    single_page: bool = False


def publication(name: str, base_url: str | None) -> Publication:
    """Return what is known of a source.

    Args:
        name: of the source.
        base_url: where the operator says that it is published: pages under their paths, as they are.
    """
    if base_url is not None:
        return Publication(name, "documents", base_url, lambda path: f"{base_url.rstrip('/')}/{path}")
    return _KNOWN.get(name) or Publication(name, "documents", "", lambda _path: None)


def section_url(where: Publication, path: str, anchor: str, chosen_anchor: str) -> str | None:
    """Return the address of a section, None when it is not published.

    Args:
        where: the source's publication.
        path: of the document below its source.
        anchor: of the section, chosen by the author or made of the heading.
        chosen_anchor: the nearest chosen one, at the section or above it.
    """
    page = where.page(path)
    if page is None:
        return None
    fragment = chosen_anchor if where.single_page else anchor
    return f"{page}#{fragment}" if fragment else page


def _html(base: str, path: str) -> str:
    return f"{base}{path.rsplit('.', 1)[0]}.html"


def _nix_manual_page(path: str) -> str | None:
    # The build of the manual puts the pages of commands and of store types elsewhere than the sources have them.
    if path.startswith("src/nix/"):
        command = path.removeprefix("src/nix/").rsplit(".", 1)[0].replace("/", "-")
        path = "command-ref/new-cli/nix.md" if command == "nix" else f"command-ref/new-cli/nix3-{command}.md"
    elif path.startswith("src/libstore/"):
        path = path.replace("src/libstore/", "store/types/", 1)
    elif path.startswith("doc/"):
        return None
    return _html(_NIX_MANUAL, path)


_KNOWN = {
    "nix.dev": Publication("nix.dev", "guide", "https://nix.dev/", lambda path: _html("https://nix.dev/", path)),
    "nix-manual": Publication("Nix manual", "manual", _NIX_MANUAL, _nix_manual_page),
    "nix-pills": Publication(
        "Nix Pills", "tutorial", _NIX_PILLS, lambda path: _html(_NIX_PILLS, path.removeprefix("pills/"))
    ),
    "nixos-manual": Publication("NixOS manual", "manual", _NIXOS_MANUAL, lambda _path: _NIXOS_MANUAL, True),
    "nixos-modules": Publication("NixOS modules", "manual", _NIXOS_MANUAL, lambda _path: _NIXOS_MANUAL, True),
    "home-manager": Publication("Home Manager", "manual", _HOME_MANAGER, lambda _path: _HOME_MANAGER, True),
}
