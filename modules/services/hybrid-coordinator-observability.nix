# What hybrid-coordinator measures beyond what every service does.
let
  query = expr: legend: { inherit expr legend; };
  answers = ''sum(rate(hybrid_requests_total{endpoint="/augment_query",status="200"}[10m]))'';
in
{
  services.ai-stack.services.hybrid-coordinator = {
    metrics.prefix = "hybrid";

    alerts = {
      DegradedAnswers = {
        expr = "sum by (service) (rate(hybrid_degraded_answers_total[10m])) / on () group_left ${answers} > 0.1";
        for = "5m";
        summary = "{{ $value | humanizePercentage }} of the answers are given without {{ $labels.service }}";
        description = "People get answers, but worse ones, and are told so (`degraded: true`).";
      };
      LearnedContextNotCollected = {
        # In failed runs and not in time, since how often it runs is a setting.
        expr = ''increase(hybrid_gc_runs_total{result="failure"}[6h]) > 1 unless on (instance) increase(hybrid_gc_runs_total{result="success"}[6h]) > 0'';
        for = "5m";
        summary = "{{ $value | humanize }} runs of the garbage collection at {{ $labels.instance }} failed and none succeeded";
        description = "Old interactions are kept longer than promised, and the collections grow.";
      };
    };

    dashboard.panels = [
      {
        title = "Answers without a dependency";
        unit = "ops";
        queries = [ (query "sum by (service) (rate(hybrid_degraded_answers_total[5m]))" "{{service}}") ];
      }
      {
        title = "Answers with context";
        unit = "percentunit";
        max = 1;
        queries = [ (query "sum(rate(hybrid_context_hits_total[10m])) / ${answers}" "with context") ];
      }
      {
        title = "Time by stage, p95";
        unit = "s";
        queries = [
          (query "histogram_quantile(0.95, sum by (le, stage) (rate(hybrid_augment_stage_seconds_bucket[5m])))" "{{stage}}")
        ];
      }
      {
        title = "Questions whose vector was in memory";
        unit = "percentunit";
        max = 1;
        queries = [
          (query "sum(rate(hybrid_embedding_cache_hits_total[5m])) / (sum(rate(hybrid_embedding_cache_hits_total[5m])) + sum(rate(hybrid_embedding_cache_misses_total[5m])))" "in memory")
        ];
      }
      {
        title = "Who answers, and why";
        unit = "ops";
        queries = [
          (query "sum by (decision, reason) (rate(hybrid_decisions_total{purpose=\"chat\"}[5m]))" "{{decision}}: {{reason}}")
        ];
      }
      {
        title = "Interactions and how they ended";
        unit = "ops";
        queries = [
          (query "sum(rate(hybrid_interactions_total[5m]))" "stored")
          (query "sum by (outcome) (rate(hybrid_interaction_outcomes_total[5m]))" "{{outcome}}")
        ];
      }
      {
        title = "Items by collection";
        queries = [ (query "sum by (collection) (hybrid_gc_items)" "{{collection}}") ];
      }
      {
        title = "Deleted by the garbage collection";
        queries = [
          (query "sum by (collection, reason) (increase(hybrid_gc_deleted_total[1h]))" "{{collection}}: {{reason}}")
        ];
      }
      {
        title = "Duration of a garbage collection, p95";
        unit = "s";
        queries = [
          (query "histogram_quantile(0.95, sum by (le) (rate(hybrid_gc_execution_seconds_bucket[6h])))" "p95")
        ];
      }
    ];
  };
}
