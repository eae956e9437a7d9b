# What hybrid-coordinator measures beyond what every service does.
let
  query = expr: legend: { inherit expr legend; };
  answers = ''sum(rate(hybrid_requests_total{endpoint="/augment_query",status="200"}[10m]))'';
in
{
  services.ai-stack.services.hybrid-coordinator = {
    metrics.prefix = "hybrid";

    alerts.DegradedAnswers = {
      expr = "sum by (service) (rate(hybrid_degraded_answers_total[10m])) / on () group_left ${answers} > 0.1";
      for = "5m";
      summary = "{{ $value | humanizePercentage }} of the answers are given without {{ $labels.service }}";
      description = "People get answers, but worse ones, and are told so (`degraded: true`).";
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
    ];
  };
}
