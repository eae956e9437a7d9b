# What aidb measures beyond what every service does.
let
  query = expr: legend: { inherit expr legend; };
in
{
  services.ai-stack.services.aidb = {
    metrics.httpPrefix = "aidb_http";

    alerts = {
      DatabasePoolExhausted = {
        expr = "(aidb_db_pool_checked_out + aidb_db_pool_overflow) / aidb_db_pool_size > 0.9";
        for = "1m";
        severity = "critical";
        summary = "{{ $value | humanizePercentage }} of the connections to PostgreSQL are taken or waited for";
        description = "Requests wait for a connection and then fail.";
      };
      DatabasePoolLeaking = {
        expr = "min_over_time(aidb_db_pool_checked_out[5m]) > 0.7 * aidb_db_pool_size";
        for = "5m";
        summary = "{{ $value }} connections to PostgreSQL have not been given back for minutes";
        description = "Queries hang, or connections are lost.";
      };
      EmbeddingBacklog = {
        expr = "min_over_time(aidb_embedding_backlog_chunks[15m]) > 0 unless on (instance) increase(aidb_chunks_embedded_total[15m]) > 0";
        for = "5m";
        summary = "{{ $value }} chunks wait for their vector and none gets one";
        description = "New documents are found by their words only.";
      };
      ImportStalled = {
        expr = "min_over_time(aidb_import_lines_waiting[15m]) > 0 unless on (instance) sum by (instance) (increase(aidb_import_lines_total[15m])) > 0";
        for = "5m";
        summary = "{{ $value }} lines of imports wait and none is stored";
        description = "Imports are accepted, but their documents are not stored.";
      };
      ModelChangeStalled = {
        expr = "aidb_model_change_idle_seconds > 600";
        for = "5m";
        summary = "A change of the model has not come further for {{ $value | humanizeDuration }}";
        description = "Searches go on with the old model; new documents need a vector of each until the change is over.";
      };
      RedisPoolExhausted = {
        expr = "min_over_time(aidb_redis_pool_waiting[5m]) > 0";
        for = "5m";
        summary = "{{ $value }} calls wait for a connection to Redis all the time";
        description = "The cache costs more time than it saves.";
      };
      SearchesDegraded = {
        expr = "increase(aidb_searches_degraded_total[10m]) > 5";
        for = "5m";
        summary = "{{ $value | humanize }} searches in ten minutes had to do without the meaning of their query";
        description = "They were answered by keywords alone.";
      };
    };

    dashboard.panels = [
      {
        title = "Connections to PostgreSQL";
        queries = [
          (query "aidb_db_pool_checked_out" "in use")
          (query "aidb_db_pool_open" "open")
          (query "aidb_db_pool_overflow" "calls that wait")
          (query "aidb_db_pool_size" "at most")
        ];
      }
      {
        title = "Wait for a connection, p95";
        unit = "s";
        queries = [
          (query "histogram_quantile(0.95, sum by (le) (rate(aidb_db_pool_acquire_seconds_bucket[5m])))" "p95")
        ];
      }
      {
        title = "Answers from the cache";
        unit = "percentunit";
        max = 1;
        queries = [
          (query "sum by (cache) (rate(aidb_cache_hits_total[5m])) / (sum by (cache) (rate(aidb_cache_hits_total[5m])) + sum by (cache) (rate(aidb_cache_misses_total[5m])))" "{{cache}}")
        ];
      }
      {
        title = "Time of searches, p95";
        unit = "s";
        queries = [
          (query "histogram_quantile(0.95, sum by (le, mode) (rate(aidb_search_seconds_bucket[5m])))" "{{mode}}")
        ];
      }
      {
        title = "Searches without an answer, and without vectors";
        unit = "ops";
        queries = [
          (query "sum by (mode) (rate(aidb_searches_empty_total[5m]))" "nothing found, {{mode}}")
          (query "sum(rate(aidb_searches_degraded_total[5m]))" "keywords alone")
        ];
      }
      {
        title = "Connections to Redis";
        queries = [
          (query "aidb_redis_pool_in_use" "in use")
          (query "aidb_redis_pool_available" "idle")
          (query "aidb_redis_pool_waiting" "calls that wait")
          (query "aidb_redis_pool_max_connections" "at most")
        ];
      }
      {
        title = "Wait for a connection to Redis, p95";
        unit = "s";
        queries = [
          (query "histogram_quantile(0.95, sum by (le) (rate(aidb_redis_pool_acquire_seconds_bucket[5m])))" "p95")
        ];
      }
      {
        title = "Change of the model without progress";
        unit = "s";
        queries = [ (query "aidb_model_change_idle_seconds" "since the last step") ];
      }
      {
        title = "Chunks without vector";
        queries = [ (query "aidb_embedding_backlog_chunks" "chunks") ];
      }
      {
        title = "Chunks without vector of the next model";
        queries = [ (query "aidb_reembedding_chunks" "chunks") ];
      }
      {
        title = "Lines of imports that wait";
        queries = [ (query "aidb_import_lines_waiting" "lines") ];
      }
      {
        title = "Lines of imports";
        unit = "ops";
        queries = [ (query "sum by (outcome) (rate(aidb_import_lines_total[5m]))" "{{outcome}}") ];
      }
      {
        title = "Chunks that got their vector";
        unit = "ops";
        queries = [ (query "rate(aidb_chunks_embedded_total[5m])" "chunks") ];
      }
    ];
  };
}
