from pathlib import Path

import pytest

from ai_stack.nixos_docs.nix.renames import Rename, renames_below, renames_in
from ai_stack.nixos_docs.sources import SourceError

MODULE = """
{ lib, ... }:
with lib;
{
  imports = [
    (mkRenamedOptionModule [ "services" "old" ] [ "services" "new" ])
    (lib.mkAliasOptionModuleMD [ "a" "b" ] [ "a" "c" ])
    (mkChangedOptionModule [ "v" ] [ "w" ] (config: if config.v then "on" else "off"))
    (mkRenamedOptionModuleWith { sinceRelease = 2305; from = [ "x" ]; to = [ "y" "z" ]; })
    (mkMergedOptionModule [ [ "m" ] [ "n" ] ] [ "o" ] (config: config))
    (mkRemovedOptionModule [ "services" "gone" ] ''
      It is gone.
        Use `other`.
    '')
    (mkRemovedOptionModule [ "services" "also" "gone" ] "Bye.")
    (mkRenamedOptionModule (prefix ++ [ "computed" ]) [ "services" "new" ])
    (mkRenamedOptionModule [ "${dynamic}" ] [ "services" "new" ])
  ] ++ map (name: mkRemovedOptionModule [ name ] "x") [ "p" ];
  config = mkIf true { a = 1; };
}
"""


def test_all_ways_to_rename_and_remove_are_read() -> None:
    assert renames_in(MODULE) == [
        Rename(("services", "old"), ("services", "new"), ""),
        Rename(("a", "b"), ("a", "c"), ""),
        Rename(("v",), ("w",), ""),
        Rename(("x",), ("y", "z"), ""),
        Rename(("m",), ("o",), ""),
        Rename(("n",), ("o",), ""),
        Rename(("services", "gone"), (), "It is gone. Use `other`."),
        Rename(("services", "also", "gone"), (), "Bye."),
    ]


def test_a_directory_is_read_file_by_file_and_the_first_word_counts(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.nix").write_text('{ imports = [ (mkRemovedOptionModule [ "x" ] "first") ]; }')
    (tmp_path / "sub" / "b.nix").write_text('{ imports = [ (mkRemovedOptionModule [ "x" ] "second") ]; }')
    (tmp_path / "deep.nix").write_text("mkRemovedOptionModule " + "(" * 500)
    assert renames_below(tmp_path) == [Rename(("x",), (), "first")]


def test_a_directory_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        renames_below(tmp_path / "missing")
