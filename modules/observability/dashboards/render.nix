# A dashboard's description -> Grafana's JSON, as an attribute set.
# https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
{ lib }:
uid: dashboard:
let
  columns = 24;
  sourceOf =
    panel:
    if panel.type == "logs" then
      {
        type = "loki";
        uid = "ai-stack-logs";
      }
    else
      {
        type = "prometheus";
        uid = "ai-stack-prometheus";
      };
  optional = name: value: lib.optionalAttrs (value != null) { ${name} = value; };

  # Left to right; a panel that does not fit begins a new line below the highest one of the line before.
  place =
    state: panel:
    let
      isRow = panel.type == "row";
      width = if isRow then columns else panel.width;
      height = if isRow then 1 else panel.height;
      fits = !isRow && state.x + width <= columns;
      x = if fits then state.x else 0;
      y = if fits then state.y else state.y + state.tallest;
    in
    {
      x = x + width;
      inherit y;
      tallest = if fits then lib.max state.tallest height else height;
      placed = state.placed ++ [
        (
          panel
          // {
            grid = {
              inherit x y;
              w = width;
              h = height;
            };
          }
        )
      ];
    };
  inherit
    (lib.foldl' place {
      x = 0;
      y = 0;
      tallest = 0;
      placed = [ ];
    } dashboard.panels)
    placed
    ;

  target = source: index: query: {
    refId = lib.elemAt (lib.stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") index;
    inherit (query) expr;
    legendFormat = query.legend;
    range = true;
    datasource = source;
  };

  fieldConfig = panel: {
    defaults = {
      inherit (panel) unit;
      thresholds = {
        mode = "absolute";
        steps = [
          {
            color = "green";
            value = null;
          }
        ]
        ++ map (step: {
          inherit (step) color;
          value = step.from;
        }) panel.thresholds;
      };
      mappings = lib.optional (panel.values != { }) {
        type = "value";
        options = lib.mapAttrs (_: text: { inherit text; }) panel.values;
      };
      color.mode = if panel.type == "timeseries" then "palette-classic" else "thresholds";
      custom = lib.optionalAttrs (panel.type == "timeseries") {
        fillOpacity = if panel.stacked then 30 else 8;
        showPoints = "never";
        stacking.mode = if panel.stacked then "normal" else "none";
      };
    }
    // optional "min" panel.min
    // optional "max" panel.max;
    overrides = [ ];
  };

  options = panel: {
    timeseries = {
      legend = {
        displayMode = "list";
        placement = "bottom";
        showLegend = true;
      };
      tooltip = {
        mode = "multi";
        sort = "desc";
      };
    };
    stat = {
      colorMode = "value";
      graphMode = "area";
      reduceOptions.calcs = [ "lastNotNull" ];
    };
    bargauge = {
      displayMode = "basic";
      orientation = "horizontal";
      reduceOptions.calcs = [ "lastNotNull" ];
    };
    state-timeline = {
      mergeValues = true;
      showValue = "never";
    };
    logs = {
      dedupStrategy = "none";
      enableLogDetails = true;
      showTime = true;
      sortOrder = "Descending";
      wrapLogMessage = true;
    };
    text = {
      mode = "markdown";
      inherit (panel) content;
    };
  };

  render =
    index: panel:
    {
      id = index + 1;
      inherit (panel) type title description;
      gridPos = panel.grid;
    }
    // (
      if panel.type == "row" then
        {
          collapsed = false;
          panels = [ ];
        }
      else
        { options = (options panel).${panel.type}; }
    )
    // lib.optionalAttrs (panel.queries != [ ]) {
      datasource = sourceOf panel;
      targets = lib.imap0 (target (sourceOf panel)) panel.queries;
      fieldConfig = fieldConfig panel;
    };
in
{
  inherit uid;
  inherit (dashboard) title tags refresh;
  schemaVersion = 39;
  version = 1;
  editable = false;
  graphTooltip = 1;
  time = {
    from = "now-${dashboard.range}";
    to = "now";
  };
  timezone = "browser";
  templating.list = [ ];
  annotations.list = [ ];
  links = [
    {
      type = "dashboards";
      title = "AI stack";
      tags = lib.take 1 dashboard.tags;
      asDropdown = true;
      includeVars = false;
      keepTime = true;
    }
  ];
  panels = lib.imap0 render placed;
}
