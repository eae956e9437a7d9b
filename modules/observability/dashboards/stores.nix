# The dashboard of the stores on this machine.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../../lib.nix { inherit lib; };
  uses =
    store: lib.any (service: service.${store}.enable) (lib.attrValues (common.enabled cfg.services));
  query = expr: legend: { inherit expr legend; };
  row = title: {
    type = "row";
    inherit title;
  };

  postgresql = [
    (row "PostgreSQL")
    {
      title = "Connections";
      queries = [
        (query "sum by (datname) (pg_stat_database_numbackends)" "{{datname}}")
        (query "pg_settings_max_connections" "at most")
      ];
    }
    {
      title = "Transactions";
      unit = "ops";
      queries = [
        (query "sum by (datname) (rate(pg_stat_database_xact_commit[5m]))" "{{datname}} committed")
        (query "sum by (datname) (rate(pg_stat_database_xact_rollback[5m]))" "{{datname}} rolled back")
      ];
    }
    {
      title = "Size";
      unit = "bytes";
      queries = [ (query "pg_database_size_bytes" "{{datname}}") ];
    }
    {
      title = "Blocks found in memory";
      unit = "percentunit";
      max = 1;
      queries = [
        (query "sum by (datname) (rate(pg_stat_database_blks_hit[5m])) / (sum by (datname) (rate(pg_stat_database_blks_hit[5m])) + sum by (datname) (rate(pg_stat_database_blks_read[5m])))" "{{datname}}")
      ];
    }
  ];

  redis = [
    (row "Redis")
    {
      title = "Memory";
      unit = "bytes";
      queries = [
        (query "redis_memory_used_bytes" "in use")
        (query "redis_memory_max_bytes" "at most")
      ];
    }
    {
      title = "Commands";
      unit = "ops";
      queries = [ (query "rate(redis_commands_processed_total[5m])" "commands") ];
    }
    {
      title = "Look-ups that found something";
      unit = "percentunit";
      max = 1;
      queries = [
        (query "rate(redis_keyspace_hits_total[5m]) / (rate(redis_keyspace_hits_total[5m]) + rate(redis_keyspace_misses_total[5m]))" "found")
      ];
    }
    {
      title = "Evicted";
      unit = "ops";
      queries = [ (query "rate(redis_evicted_keys_total[5m])" "keys") ];
    }
  ];

  qdrant = [
    (row "Qdrant")
    {
      title = "Vectors";
      queries = [ (query ''collections_vector_total{job="ai-stack-qdrant"}'' "vectors") ];
    }
    {
      title = "Latency p95";
      unit = "s";
      queries = [
        (query ''histogram_quantile(0.95, sum by (le, endpoint) (rate(rest_responses_duration_seconds_bucket{job="ai-stack-qdrant"}[5m])))'' "{{endpoint}}")
      ];
    }
    {
      title = "Requests";
      unit = "reqps";
      queries = [
        (query ''sum by (endpoint, status) (rate(rest_responses_total{job="ai-stack-qdrant"}[5m]))'' "{{endpoint}} {{status}}")
      ];
    }
    {
      title = "Memory";
      unit = "bytes";
      queries = [ (query ''memory_resident_bytes{job="ai-stack-qdrant"}'' "resident") ];
    }
  ];

  panels =
    lib.optionals (uses "postgresql" && cfg.postgresql.host == null) postgresql
    ++ lib.optionals (uses "redis" && cfg.redis.url == null) redis
    ++ lib.optionals (uses "qdrant") qdrant;
in
{
  config.services.ai-stack.dashboards = lib.mkIf (cfg.grafana.enable && panels != [ ]) {
    ai-stack-stores = {
      title = "AI Stack / stores";
      inherit panels;
    };
  };
}
