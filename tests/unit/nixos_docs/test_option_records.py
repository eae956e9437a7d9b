import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ai_stack.nixos_docs.jsonfile import JsonFileError
from ai_stack.nixos_docs.options.records import Option, read_options, release_of


def read(tmp_path: Path, content: Any) -> list[Option]:
    path = tmp_path / "options.json"
    path.write_text(json.dumps(content))
    return read_options(path)


def test_the_form_of_nixos_options_doc_is_read(tmp_path: Path) -> None:
    (option,) = read(
        tmp_path,
        {
            "services.a.<name>.port": {
                "loc": ["services", "a", "<name>", "port"],
                "type": "null or 16 bit unsigned integer",
                "default": {"_type": "literalExpression", "text": "null"},
                "example": {"_type": "literalMD", "text": "see `x`"},
                "description": "The {option}`port`.\n",
                "declarations": [
                    {"name": "<nixpkgs/nixos/modules/a.nix>", "url": "https://example.org/a.nix"},
                    "nixos/modules/b.nix",
                ],
                "readOnly": True,
            }
        },
    )
    assert option == Option(
        name="services.a.<name>.port",
        parts=("services", "a", "<name>", "port"),
        type="null or 16 bit unsigned integer",
        default="null",
        example="see `x`",
        description="The `port`.",
        declarations=("https://example.org/a.nix", "nixos/modules/b.nix"),
        read_only=True,
        alias_of="",
    )


def test_the_flat_form_is_read(tmp_path: Path) -> None:
    (option,) = read(
        tmp_path,
        {'a."b.c".d': {"type": "boolean", "default": "false", "description": "Whether.", "declarations": ["x"]}},
    )
    assert (option.parts, option.default, option.example, option.declarations) == (
        ("a", "b.c", "d"),
        "false",
        None,
        ("x",),
    )


def test_values_that_are_no_texts_are_shown_as_json(tmp_path: Path) -> None:
    (option,) = read(tmp_path, {"a": {"type": "x", "default": {"b": [1, None]}, "description": None}})
    assert (option.default, option.description) == ('{"b":[1,null]}', "")


def test_aliases_tell_of_what(tmp_path: Path) -> None:
    (option,) = read(tmp_path, {"a": {"type": "x", "description": "Alias of {option}`b.c`."}})
    assert option.alias_of == "b.c"


def test_options_come_by_name_and_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "options.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"b": {"type": "x"}, "a": {"type": "x"}}).encode()))
    assert [option.name for option in read_options(path)] == ["a", "b"]


@pytest.mark.parametrize("default", ['"25.05"', "25.05"])
def test_the_release_is_what_its_option_says(default: str, tmp_path: Path) -> None:
    options = read(tmp_path, {"system.nixos.release": {"type": "string", "default": default}})
    assert release_of(options) == "25.05"


def test_a_release_that_is_computed_is_not_known(tmp_path: Path) -> None:
    assert release_of(read(tmp_path, {"system.nixos.release": {"type": "string", "default": "lib.release"}})) is None
    assert release_of(read(tmp_path, {"a": {"type": "x"}})) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"a": 1}', b'{"a": {"type": 1}}', b"\x1f\x8b\x08broken"]
)
def test_what_is_no_file_of_options_is_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    path.write_bytes(content)
    with pytest.raises(JsonFileError, match=r"options\.json"):
        read_options(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JsonFileError):
        read_options(tmp_path / "missing.json")
