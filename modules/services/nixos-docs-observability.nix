# What nixos-docs measures beyond what every service does.
let
  query = expr: legend: { inherit expr legend; };
in
{
  services.ai-stack.services.nixos-docs = {
    alerts.DocumentationIndexMissing = {
      expr = "nixos_docs_index_sections == 0";
      for = "10m";
      summary = "nixos-docs at {{ $labels.instance }} has no index";
      description = "Searches in the documentation fail, and answers are given without it.";
    };

    dashboard.panels = [
      {
        title = "Search, by percentile";
        unit = "s";
        queries = [
          (query "histogram_quantile(0.50, sum by (le) (rate(nixos_docs_search_seconds_bucket[5m])))" "p50")
          (query "histogram_quantile(0.95, sum by (le) (rate(nixos_docs_search_seconds_bucket[5m])))" "p95")
        ];
      }
      {
        title = "Sections";
        type = "stat";
        width = 6;
        queries = [ (query "nixos_docs_index_sections" "{{instance}}") ];
      }
      {
        title = "Age of the index";
        type = "stat";
        width = 6;
        unit = "s";
        queries = [ (query "time() - nixos_docs_index_built_timestamp_seconds" "{{instance}}") ];
      }
    ];
  };
}
