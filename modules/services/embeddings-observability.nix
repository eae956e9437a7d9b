# What the embeddings service measures beyond what every service does.
{ config, lib, ... }:
let
  service = config.services.ai-stack.services.embeddings;
  # ai_stack.embeddings.settings, max_queue_tokens
  queue = toString (service.settings.max_queue_tokens or 65536);
  query = expr: legend: { inherit expr legend; };
in
{
  services.ai-stack.services.embeddings = {
    slo.latency = lib.mkDefault 0.5;

    alerts = {
      EmbeddingServiceOverloaded = {
        expr = "embeddings_queue_tokens > 0.8 * ${queue}";
        for = "2m";
        summary = "{{ $value | humanize }} tokens wait for the model, of ${queue} that may";
        description = "Soon texts are refused with 429. Searches fall back to keywords, documents wait for their vectors.";
      };
      EmbeddingQueueSlow = {
        expr = "histogram_quantile(0.95, sum by (le) (rate(embeddings_batch_wait_seconds_bucket[5m]))) > 1";
        for = "5m";
        summary = "Texts wait {{ $value | humanizeDuration }} for the model";
        description = "The 95th percentile of the wait is above one second: more is asked than the processors can compute.";
      };
      EmbeddingModelNotLoaded = {
        expr = ''up{component="embeddings"} == 1 unless on (instance) embeddings_model_load_seconds'';
        for = "10m";
        severity = "critical";
        summary = "The model is not loaded at {{ $labels.instance }}";
        description = "The service runs but computes nothing: every text is answered with 503.";
      };
    };

    dashboard = {
      overview = [
        {
          title = "Embeddings Model Load (s)";
          type = "stat";
          unit = "s";
          queries = [ (query "embeddings_model_load_seconds" "{{instance}}") ];
        }
      ];
      panels = [
        {
          title = "Queue";
          queries = [
            (query "embeddings_queue_tokens" "tokens")
            (query "embeddings_batch_queue_depth" "texts")
          ];
        }
        {
          title = "Wait for the model";
          unit = "s";
          queries = [
            (query "histogram_quantile(0.50, sum by (le) (rate(embeddings_batch_wait_seconds_bucket[5m])))" "p50")
            (query "histogram_quantile(0.95, sum by (le) (rate(embeddings_batch_wait_seconds_bucket[5m])))" "p95")
          ];
        }
        {
          title = "Tokens";
          unit = "ops";
          stacked = true;
          queries = [
            (query "sum(rate(embeddings_tokens_total[5m]))" "computed")
            (query "sum(rate(embeddings_padding_tokens_total[5m]))" "padding")
          ];
        }
        {
          title = "Texts in a batch";
          queries = [
            (query "sum(rate(embeddings_batch_size_sum[5m])) / sum(rate(embeddings_batch_size_count[5m]))" "mean")
          ];
        }
        {
          title = "Time of a batch";
          unit = "s";
          queries = [
            (query "histogram_quantile(0.50, sum by (le) (rate(embeddings_inference_seconds_bucket[5m])))" "inference p50")
            (query "histogram_quantile(0.95, sum by (le) (rate(embeddings_inference_seconds_bucket[5m])))" "inference p95")
            (query "histogram_quantile(0.95, sum by (le) (rate(embeddings_tokenize_seconds_bucket[5m])))" "tokenizing p95")
          ];
        }
        {
          title = "Texts found among those kept";
          unit = "percentunit";
          queries = [
            (query "sum(rate(embeddings_cache_hits_total[5m])) / (sum(rate(embeddings_cache_hits_total[5m])) + sum(rate(embeddings_cache_misses_total[5m])))" "share")
          ];
        }
        {
          title = "Memory of kept vectors";
          unit = "bytes";
          queries = [ (query "embeddings_cache_bytes" "{{instance}}") ];
        }
        {
          title = "Texts cut because they are too long";
          unit = "ops";
          queries = [ (query "sum(rate(embeddings_truncated_texts_total[5m]))" "texts") ];
        }
      ];
    };
  };
}
