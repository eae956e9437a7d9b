# Options that have another name since a release: the old one still works, with a warning that says the new one.
{
  lib,
  # [ { from = [ "old" "path" ]; to = [ "new" "path" ]; } ], below services.ai-stack
  renamed ? [ ],
}:
map (
  option:
  lib.mkRenamedOptionModule
    (
      [
        "services"
        "ai-stack"
      ]
      ++ option.from
    )
    (
      [
        "services"
        "ai-stack"
      ]
      ++ option.to
    )
) renamed
