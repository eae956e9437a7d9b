# Alert rules as options: each can be disabled or retuned by its name. One rules file is rendered from all of them.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  observability = import ./lib.nix { inherit lib; };

  sections = import ./runbooks.nix { inherit lib; };
  # What to do lies where the alert's link leads: as old as the stack that fires it, and there without the internet.
  linkTo =
    name:
    if cfg.grafana.enable && sections ? ${name} then
      "${cfg.grafana.url}d/ai-stack-runbooks?viewPanel=panel-${toString sections.${name}.id}"
    else
      null;

  alertOptions =
    runbookOf:
    { name, ... }:
    {
      options = {
        enable = lib.mkOption {
          type = lib.types.bool;
          default = true;
          description = "Whether to evaluate the rule.";
        };
        expr = lib.mkOption {
          type = lib.types.str;
          example = "up == 0";
          description = "Query; the alert is about every series in its result.";
        };
        for = lib.mkOption {
          type = lib.types.strMatching "0|[1-9][0-9]*(ms|s|m|h|d|w|y)";
          default = "5m";
          description = "How long the result must hold a series before the alert fires.";
        };
        severity = lib.mkOption {
          type = lib.types.enum [
            "critical"
            "warning"
          ];
          default = "warning";
          description = "`critical`: somebody has to act now. `warning`: somebody has to look at it in working hours.";
        };
        summary = lib.mkOption {
          type = lib.types.str;
          description = "What is wrong, in one line; a template with `$labels` and `$value`.";
        };
        description = lib.mkOption {
          type = lib.types.str;
          default = "";
          description = "What it means for the users.";
        };
        labels = lib.mkOption {
          type = lib.types.attrsOf lib.types.str;
          default = { };
          example = {
            team = "platform";
          };
          description = "More labels.";
        };
        annotations = lib.mkOption {
          type = lib.types.attrsOf lib.types.str;
          default = { };
          description = "More annotations.";
        };
        runbook = lib.mkOption {
          type = lib.types.nullOr lib.types.str;
          default = runbookOf name;
          defaultText = lib.literalMD "the alert's page in Grafana, made from `docs/runbooks.md`";
          description = "URL of what to do.";
        };
      };
    };

  rule = name: alert: {
    alert = name;
    inherit (alert) expr for;
    labels = {
      inherit (alert) severity;
    }
    // alert.labels;
    annotations = {
      inherit (alert) summary;
    }
    // lib.optionalAttrs (alert.description != "") { inherit (alert) description; }
    // lib.optionalAttrs (alert.runbook != null) { runbook_url = alert.runbook; }
    // alert.annotations;
  };

  ofService =
    name: service:
    lib.mapAttrs (
      _: alert:
      lib.mapAttrs (_: lib.mkDefault) (
        lib.filterAttrs (option: value: option != "labels" && value != null) alert
      )
      // {
        labels = {
          component = lib.mkDefault name;
        }
        // lib.mapAttrs (_: lib.mkDefault) alert.labels;
      }
    ) service.alerts;
in
{
  options.services.ai-stack = {
    alerts = lib.mkOption {
      type = lib.types.attrsOf (lib.types.submodule (alertOptions linkTo));
      default = { };
      example = lib.literalExpression ''
        {
          HighLatency.enable = false;
          HighErrorRate.for = "10m";
          TranslationsStuck = { expr = "translator_waiting > 100"; summary = "Translations wait"; };
        }
      '';
      description = "Alert rules by name.";
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule {
          options.alerts = lib.mkOption {
            type = lib.types.attrsOf (lib.types.submodule (alertOptions (_: null)));
            default = { };
            description = "Alerts that come with the service. They appear in `services.ai-stack.alerts`, where each can be retuned.";
          };
        }
      );
    };
    prometheus.groups = lib.mkOption {
      type = lib.types.attrsOf (lib.types.listOf (lib.types.attrsOf lib.types.anything));
      default = { };
      internal = true;
      description = "Rules by group.";
    };
  };

  config = {
    services.ai-stack.alerts = lib.mkMerge (
      lib.mapAttrsToList ofService (observability.observed cfg.services)
    );
    services.ai-stack.prometheus.groups.ai-stack-alerts = lib.mapAttrsToList rule (
      lib.filterAttrs (_: alert: alert.enable) cfg.alerts
    );
    services.prometheus.ruleFiles = lib.mkIf cfg.prometheus.enable [
      ((pkgs.formats.json { }).generate "ai-stack-rules.yml" {
        groups = lib.mapAttrsToList (name: rules: { inherit name rules; }) (
          lib.filterAttrs (_: rules: rules != [ ]) cfg.prometheus.groups
        );
      })
    ];
  };
}
