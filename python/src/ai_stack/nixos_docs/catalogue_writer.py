"""Fills the tables of options and packages in an index."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from ai_stack.nixos_docs.inputs import Inputs
from ai_stack.nixos_docs.lexicon import write_lexicon
from ai_stack.nixos_docs.nix.renames import Rename, renames_below
from ai_stack.nixos_docs.options import search as option_search
from ai_stack.nixos_docs.options.importance import importance
from ai_stack.nixos_docs.options.mentions import mentions
from ai_stack.nixos_docs.options.records import read_options, release_of
from ai_stack.nixos_docs.options.tree import OptionTree
from ai_stack.nixos_docs.packages import search as package_search
from ai_stack.nixos_docs.packages.records import read_packages

# Places in the documentation whose words count for an option; those of an option named everywhere say little.
_MAX_MENTIONS = 4


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """How many options, renames and packages were written, and the release that they are of."""

    options: int
    renames: int
    packages: int
    release: str | None


def write_catalogue(database: sqlite3.Connection, inputs: Inputs, check: Callable[[], None]) -> CatalogueReport:
    """Write what the inputs hold beside documentation; that must be in the tables already.

    Args:
        database: the index.
        inputs: what it is built from.
        check: called now and then; raises to end the work.

    Raises:
        SourceError: an input cannot be read.
    """
    check()
    options, release = _write_options(database, inputs, check)
    renames = _write_renames(database, inputs, check)
    check()
    packages = _write_packages(database, inputs, check)
    return CatalogueReport(options=options, renames=renames, packages=packages, release=inputs.release or release)


def _write_options(database: sqlite3.Connection, inputs: Inputs, check: Callable[[], None]) -> tuple[int, str | None]:
    if inputs.options is None:
        return 0, None
    options = read_options(inputs.options)
    tree = OptionTree(option.parts for option in options)
    check()
    sections = database.execute(
        "SELECT s.id, s.heading, b.body FROM sections AS s JOIN bodies AS b ON b.section_id = s.id ORDER BY s.id"
    )
    found = mentions(sections, [option.parts for option in options], tree)
    factors = importance(options, tree, found)
    check()
    database.executemany(
        "INSERT INTO options VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                number,
                option.name,
                orjson.dumps(option.parts).decode(),
                option.type,
                option.default,
                option.example,
                option.description,
                orjson.dumps(option.declarations).decode(),
                option.read_only,
                option.alias_of,
                factor,
            )
            for number, (option, factor) in enumerate(zip(options, factors, strict=True))
        ),
    )
    database.executemany("INSERT INTO mentions VALUES (?, ?)", ((item.option, item.section) for item in found))
    told: defaultdict[int, list[str]] = defaultdict(list)
    for mention in found:
        told[mention.option].append(mention.text)
    texts = [
        option_search.fields_of(option.parts, option.description, told[number][:_MAX_MENTIONS])
        for number, option in enumerate(options)
    ]
    write_lexicon(database, option_search.KIND, option_search.FIELDS, texts, check)
    return len(options), release_of(options)


def _write_renames(database: sqlite3.Connection, inputs: Inputs, check: Callable[[], None]) -> int:
    found: dict[tuple[str, ...], Rename] = {}
    for root in inputs.modules:
        check()
        for rename in renames_below(root):
            found.setdefault(rename.path, rename)
    database.executemany(
        "INSERT INTO renames VALUES (?, ?, ?)",
        (
            (orjson.dumps(path).decode(), orjson.dumps(rename.replacement).decode(), rename.message)
            for path, rename in sorted(found.items())
        ),
    )
    return len(found)


def _write_packages(database: sqlite3.Connection, inputs: Inputs, check: Callable[[], None]) -> int:
    if inputs.packages is None:
        return 0
    packages = read_packages(inputs.packages)
    for number, package in enumerate(packages):
        database.execute(
            "INSERT INTO packages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                package.attribute,
                package.name,
                package.version,
                package.description,
                package.homepage,
                orjson.dumps(package.licenses).decode(),
                package.main_program,
            ),
        )
        database.executemany(
            "INSERT INTO package_names VALUES (?, ?)",
            ((name, number) for name in sorted(package_search.names_of(package))),
        )
    texts = [package_search.fields_of(package) for package in packages]
    write_lexicon(database, package_search.KIND, package_search.FIELDS, texts, check)
    return len(packages)
