# Dashboards as options: what a panel asks and shows. dashboards/render.nix turns them into what Grafana reads.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;

  queryOptions.options = {
    expr = lib.mkOption {
      type = lib.types.str;
      example = "up";
      description = "Query in PromQL; in LogQL for a panel of type `logs`.";
    };
    legend = lib.mkOption {
      type = lib.types.str;
      default = "{{component}}";
      description = "How a series of the result is called.";
    };
  };

  panelOptions.options = {
    title = lib.mkOption {
      type = lib.types.str;
      description = "Heading.";
    };
    type = lib.mkOption {
      type = lib.types.enum [
        "timeseries"
        "stat"
        "bargauge"
        "state-timeline"
        "text"
        "logs"
        "row"
      ];
      default = "timeseries";
      description = "Kind of panel; `row` is a heading over the panels that follow, `logs` shows lines of Loki.";
    };
    description = lib.mkOption {
      type = lib.types.str;
      default = "";
      description = "Explanation.";
    };
    queries = lib.mkOption {
      type = lib.types.listOf (lib.types.submodule queryOptions);
      default = [ ];
      description = "What is shown.";
    };
    unit = lib.mkOption {
      type = lib.types.str;
      default = "short";
      example = "bytes";
      description = "Unit of the values, by Grafana's names.";
    };
    min = lib.mkOption {
      type = lib.types.nullOr lib.types.number;
      default = 0;
      description = "Lower end of the axis; null: from the values.";
    };
    max = lib.mkOption {
      type = lib.types.nullOr lib.types.number;
      default = null;
      description = "Upper end of the axis; null: from the values.";
    };
    thresholds = lib.mkOption {
      type = lib.types.listOf (
        lib.types.submodule {
          options = {
            from = lib.mkOption {
              type = lib.types.number;
              description = "Value from which the colour holds.";
            };
            color = lib.mkOption {
              type = lib.types.str;
              description = "Name of the colour.";
            };
          };
        }
      );
      default = [ ];
      description = "Colours by value; below the first one it is green.";
    };
    values = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      example = {
        "2" = "open";
      };
      description = "Words for values.";
    };
    stacked = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether series are put on top of each other.";
    };
    width = lib.mkOption {
      type = lib.types.ints.between 1 24;
      default = 12;
      description = "Columns, of 24.";
    };
    height = lib.mkOption {
      type = lib.types.ints.positive;
      default = 8;
      description = "Rows of the grid.";
    };
    content = lib.mkOption {
      type = lib.types.str;
      default = "";
      description = "Markdown of a panel of type `text`.";
    };
  };

  panels = lib.types.listOf (lib.types.submodule panelOptions);

  dashboardOptions =
    { name, config, ... }:
    {
      options = {
        title = lib.mkOption {
          type = lib.types.str;
          description = "Title.";
        };
        tags = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [ "ai-stack" ];
          description = "Tags; dashboards with the first tag are linked to each other.";
        };
        refresh = lib.mkOption {
          type = lib.types.strMatching "([1-9][0-9]*[smh])?";
          default = "30s";
          description = "How often the page asks again; empty: never.";
        };
        range = lib.mkOption {
          type = lib.types.strMatching "[1-9][0-9]*[mhd]";
          default = "3h";
          description = "Time shown at first.";
        };
        panels = lib.mkOption {
          type = panels;
          default = [ ];
          description = "Panels in order, from left to right and from top to bottom.";
        };
        rendered = lib.mkOption {
          type = lib.types.attrsOf lib.types.anything;
          readOnly = true;
          internal = true;
          default = import ./dashboards/render.nix { inherit lib; } name config;
          description = "What Grafana reads.";
        };
      };
    };
in
{
  options.services.ai-stack = {
    dashboards = lib.mkOption {
      type = lib.types.attrsOf (lib.types.submodule dashboardOptions);
      default = { };
      example = lib.literalExpression ''
        { translations = { title = "Translations"; panels = [ { title = "Words"; queries = [ { expr = "rate(translator_words_total[5m])"; } ]; } ]; }; }
      '';
      description = "Dashboards by uid.";
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule {
          options.dashboard = {
            panels = lib.mkOption {
              type = panels;
              default = [ ];
              description = "Panels on the service's dashboard, after those that every service has.";
            };
            overview = lib.mkOption {
              type = panels;
              default = [ ];
              description = "Panels on the overview of the stack.";
            };
          };
        }
      );
    };
  };

  config.assertions = map (uid: {
    assertion = builtins.match "[a-zA-Z0-9_-]{1,40}" uid != null;
    message = "services.ai-stack.dashboards.${uid}: a uid has 1 to 40 letters, digits, dashes and underscores, since Grafana puts it into addresses.";
  }) (lib.attrNames cfg.dashboards);
}
