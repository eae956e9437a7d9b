# Alerts on the stores of this machine; those elsewhere have operators of their own.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../../lib.nix { inherit lib; };
  observability = import ../lib.nix { inherit lib; };
  uses =
    store: lib.any (service: service.${store}.enable) (lib.attrValues (common.enabled cfg.services));
  when =
    condition: alerts: lib.mkIf (cfg.prometheus.enable && condition) (observability.defaults alerts);
in
{
  config.services.ai-stack.alerts = lib.mkMerge [
    (when (uses "postgresql" && cfg.postgresql.host == null) {
      PostgresDown = {
        expr = "pg_up == 0";
        for = "1m";
        severity = "critical";
        summary = "PostgreSQL does not answer";
        description = "Documents can be neither stored nor found.";
      };
      PostgresConnectionsHigh = {
        expr = "sum by (instance) (pg_stat_database_numbackends) / on (instance) pg_settings_max_connections > 0.9";
        for = "5m";
        summary = "{{ $value | humanizePercentage }} of PostgreSQL's connections are taken";
        description = "New connections will be refused.";
      };
      DatabaseGrowthHigh = {
        expr = "sum by (datname) (delta(pg_database_size_bytes[1h])) > 1024 * 1024 * 1024";
        for = "1h";
        summary = "The database {{ $labels.datname }} grows by {{ $value | humanize1024 }}B an hour";
        description = "Somebody loads a lot of documents, or the same ones over and over.";
      };
    })
    (when (uses "redis" && cfg.redis.url == null) {
      RedisDown = {
        expr = "redis_up == 0";
        for = "2m";
        summary = "Redis does not answer";
        description = "Nothing is lost, since it only caches, but answers take longer.";
      };
      RedisConnectionFailures = {
        expr = "increase(redis_rejected_connections_total[5m]) > 0";
        for = "1m";
        summary = "Redis has refused {{ $value | humanize }} connections";
        description = "It has as many as `maxclients` allows.";
      };
    })
    (when (uses "qdrant") {
      QdrantSlowQueries = {
        expr = ''histogram_quantile(0.95, sum by (le, endpoint) (rate(rest_responses_duration_seconds_bucket{job="ai-stack-qdrant",endpoint=~".*/points/(query|search|recommend).*"}[5m]))) > 1'';
        for = "3m";
        summary = "Qdrant takes {{ $value | humanizeDuration }} for {{ $labels.endpoint }}";
        description = "The 95th percentile of searches is above one second.";
      };
      VectorStorageGrowthHigh = {
        # Qdrant does not measure its disk: 700 000 vectors of 384 numbers are 1 GiB.
        expr = ''delta(collections_vector_total{job="ai-stack-qdrant"}[1h]) > 700000'';
        for = "1h";
        summary = "Qdrant stores {{ $value | humanize }} more vectors an hour";
        description = "More than a GiB of vectors within an hour.";
      };
    })
  ];
}
