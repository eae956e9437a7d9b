# What nixos-docs measures beyond what every service does.
let
  query = expr: legend: { inherit expr legend; };
in
{
  services.ai-stack.services.nixos-docs = {
    alerts = {
      DocumentationIndexMissing = {
        expr = "nixos_docs_index_sections == 0";
        for = "10m";
        summary = "nixos-docs at {{ $labels.instance }} has no index";
        description = "Searches in the documentation fail, and answers are given without it.";
      };
      DocumentationSearchDegraded = {
        expr = "sum by (instance, component) (rate(nixos_docs_degraded_searches_total[10m])) > 0 and on (instance) nixos_docs_vectors_missing == 0";
        for = "15m";
        summary = "nixos-docs at {{ $labels.instance }} searches by words alone";
        description = "Questions in words other than the documentation's find less.";
      };
      DocumentationSearchSlow = {
        expr = "histogram_quantile(0.95, sum by (instance, component, kind, le) (rate(nixos_docs_search_seconds_bucket[10m]))) > 1";
        for = "15m";
        summary = "A search for {{ $labels.kind }} in nixos-docs takes {{ $value | humanizeDuration }}";
        description = "Searches wait for a thread, or for the vector of the question.";
      };
    };

    dashboard.panels = [
      {
        title = "Search, p95";
        unit = "s";
        queries = [
          (query "histogram_quantile(0.95, sum by (kind, le) (rate(nixos_docs_search_seconds_bucket[5m])))" "{{kind}}")
        ];
      }
      {
        title = "Searches";
        unit = "reqps";
        queries = [
          (query "sum by (kind) (rate(nixos_docs_search_seconds_count[5m]))" "{{kind}}")
          (query "sum by (kind) (rate(nixos_docs_degraded_searches_total[5m]))" "{{kind}}, by words alone")
          (query "sum by (kind) (rate(nixos_docs_quick_searches_total[5m]))" "{{kind}}, the model too busy")
        ];
      }
      {
        title = "Answers and vectors from the cache";
        unit = "percentunit";
        max = 1;
        queries = [
          (query "sum by (cache) (rate(nixos_docs_cache_hits_total[5m])) / (sum by (cache) (rate(nixos_docs_cache_hits_total[5m])) + sum by (cache) (rate(nixos_docs_cache_misses_total[5m])))" "{{cache}}")
        ];
      }
      {
        title = "In the index";
        type = "stat";
        width = 6;
        queries = [
          (query "nixos_docs_index_sections" "sections")
          (query "nixos_docs_index_options" "options")
          (query "nixos_docs_index_packages" "packages")
        ];
      }
      {
        title = "Vectors to be computed";
        type = "stat";
        width = 6;
        queries = [
          (query "nixos_docs_vectors_missing" "{{instance}}")
          (query "nixos_docs_vectors_ready" "ready")
        ];
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
