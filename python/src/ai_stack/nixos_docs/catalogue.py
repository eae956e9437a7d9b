"""What all readers of an index share: loaded once, when it is opened."""

import contextlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from ai_stack.nixos_docs.nix.renames import Rename
from ai_stack.nixos_docs.opening import connect
from ai_stack.nixos_docs.options.tree import OptionTree
from ai_stack.nixos_docs.packages.search import importance_of


def _empty_floats() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


def _empty_numbers() -> NDArray[np.int32]:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tree of option names, and what searches weigh with.

    Attributes:
        names: of the options, by number.
        types: of the options, by number.
        aliases: by number, what an option is another name of; options that are none are left out.
        tree: of the options' names.
        renames: what became of former options, by path.
        option_importance, package_importance: factors, by number.
        mentioned_options, mentioning_sections: pairs of an option's number and the place of a section that names it.
        section_documents: document of each section, by place (a section's id less 1).
        section_sources: place of each section's source among `sources`.
        sources: names of the sources, sorted.
        release: the NixOS release of the options; None when it is not known.
    """

    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    aliases: dict[int, str] = field(default_factory=dict)
    tree: OptionTree = field(default_factory=lambda: OptionTree(()))
    renames: dict[tuple[str, ...], Rename] = field(default_factory=dict)
    option_importance: NDArray[np.float32] = field(default_factory=_empty_floats)
    package_importance: NDArray[np.float32] = field(default_factory=_empty_floats)
    mentioned_options: NDArray[np.int32] = field(default_factory=_empty_numbers)
    mentioning_sections: NDArray[np.int32] = field(default_factory=_empty_numbers)
    section_documents: NDArray[np.int32] = field(default_factory=_empty_numbers)
    section_sources: NDArray[np.int32] = field(default_factory=_empty_numbers)
    sources: tuple[str, ...] = ()
    release: str | None = None


def load_catalogue(path: Path) -> Catalogue:
    """Read the catalogue of an index. Blocking: some 200 ms for all options of NixOS.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    with contextlib.closing(connect(path)) as database:
        options = database.execute(
            "SELECT name, parts, type, alias_of, importance FROM options ORDER BY number"
        ).fetchall()
        attributes = database.execute("SELECT attribute FROM packages ORDER BY number")
        packages = np.fromiter((importance_of(attribute) for (attribute,) in attributes), np.float32)
        mentions = database.execute("SELECT option, section - 1 FROM mentions ORDER BY option, section").fetchall()
        (release,) = database.execute("SELECT value FROM meta WHERE key = 'release'").fetchone()
        sources, section_sources, section_documents = _sections(database)
        return Catalogue(
            names=tuple(row[0] for row in options),
            types=tuple(row[2] for row in options),
            aliases={number: row[3] for number, row in enumerate(options) if row[3]},
            tree=OptionTree(orjson.loads(row[1]) for row in options),
            renames=_renames(database),
            option_importance=np.fromiter((row[4] for row in options), np.float32),
            package_importance=packages,
            mentioned_options=np.fromiter((option for option, _ in mentions), np.int32),
            mentioning_sections=np.fromiter((section for _, section in mentions), np.int32),
            section_documents=section_documents,
            section_sources=section_sources,
            sources=sources,
            release=release or None,
        )


def _sections(database: sqlite3.Connection) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int32]]:
    sources = tuple(name for (name,) in database.execute("SELECT name FROM sources ORDER BY name"))
    places = {name: place for place, name in enumerate(sources)}
    rows = database.execute(
        "SELECT d.source, s.document_id FROM sections AS s JOIN documents AS d ON d.id = s.document_id ORDER BY s.id"
    ).fetchall()
    return (
        sources,
        np.fromiter((places[source] for source, _ in rows), np.int32),
        np.fromiter((document for _, document in rows), np.int32),
    )


def _renames(database: sqlite3.Connection) -> dict[tuple[str, ...], Rename]:
    found = {}
    for parts, replacement, message in database.execute("SELECT parts, replacement, message FROM renames"):
        path = tuple(orjson.loads(parts))
        found[path] = Rename(path, tuple(orjson.loads(replacement)), message)
    return found
