# docs/runbooks.md by section: { <name of the alert> = { id; text; }; }. The dashboard of runbooks has one panel each.
{ lib }:
let
  parts = lib.tail (lib.splitString "\n## " (builtins.readFile ../../docs/runbooks.md));
  section =
    index: part:
    let
      lines = lib.splitString "\n" part;
    in
    lib.nameValuePair (lib.head lines) {
      id = index + 1;
      text = lib.trim (lib.concatStringsSep "\n" (lib.tail lines));
    };
in
lib.listToAttrs (lib.imap0 section parts)
