"""Options as `options.json` describes them.

Two forms of the file are read: that of `nixosOptionsDoc` of nixpkgs (nixos/lib/make-options-doc), and the flat one in
which every field is a text. Either may be compressed with gzip.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ai_stack.nixos_docs.jsonfile import JsonFileError, read_json
from ai_stack.nixos_docs.options.paths import join_path, split_path

_ALIAS = re.compile(r"Alias of (?:\{option\})?`([^`]+)`\.?")
_ROLE = re.compile(r"\{\w+\}(?=`)")

#: Says which release a set of options belongs to, since its default is just that.
_RELEASE_OPTION = "system.nixos.release"


@dataclass(frozen=True, slots=True)
class Option:
    """An option. Texts are as in the file; None says that there is none.

    `parts` are those of its name. `declarations` are the files (or addresses) that declare it. `alias_of` is the option
    that it is another name of, empty for most.
    """

    name: str
    parts: tuple[str, ...]
    type: str
    default: str | None
    example: str | None
    description: str
    declarations: tuple[str, ...]
    read_only: bool
    alias_of: str


def read_options(path: Path) -> list[Option]:
    """Return the options in a file, by name.

    Raises:
        JsonFileError: it cannot be read, or is no file of options.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise JsonFileError(f"{path}: must hold an object of options")
    options = []
    for name, entry in content.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("type", ""), str):
            raise JsonFileError(f"{path}: {name[:200]!r} is not described as an option is")
        options.append(_option(name, entry))
    return sorted(options, key=lambda option: option.name)


def release_of(options: Iterable[Option]) -> str | None:
    """Return the NixOS release that a set of options is of, if it tells."""
    for option in options:
        if option.name == _RELEASE_OPTION and option.default:
            match = re.fullmatch(r'"?(\d\d\.\d\d[\w.-]*)"?', option.default)
            return match[1] if match else None
    return None


def _option(name: str, entry: dict[str, Any]) -> Option:
    loc = entry.get("loc")
    parts = tuple(loc) if isinstance(loc, list) and all(isinstance(part, str) for part in loc) else split_path(name)
    description = _ROLE.sub("", _text(entry.get("description")) or "").strip()
    alias = _ALIAS.fullmatch(description)
    declarations = entry.get("declarations")
    return Option(
        name=join_path(parts),
        parts=parts,
        type=entry.get("type", "unspecified value"),
        default=_text(entry.get("default")),
        example=_text(entry.get("example")),
        description=description,
        declarations=tuple(_declaration(item) for item in declarations) if isinstance(declarations, list) else (),
        read_only=entry.get("readOnly") is True,
        alias_of=alias[1] if alias else "",
    )


def _text(value: Any) -> str | None:
    """Return a text of either form: `{"_type": "literalExpression", "text": …}` or the text itself."""
    if isinstance(value, dict) and "_type" in value:
        value = value.get("text")
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _declaration(item: Any) -> str:
    if isinstance(item, dict):
        item = item.get("url") or item.get("name") or ""
    return str(item)
