# The pages that the links of the alerts lead to.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  sections = import ../runbooks.nix { inherit lib; };
in
{
  config.services.ai-stack.dashboards.ai-stack-runbooks = lib.mkIf cfg.grafana.enable {
    title = "AI Stack / runbooks";
    refresh = "";
    panels = map (section: {
      title = section.name;
      type = "text";
      content = section.value.text;
    }) (lib.sort (a: b: a.value.id < b.value.id) (lib.attrsToList sections));
  };
}
