# What does not measure itself for Prometheus: the machine, and the stores and the gateway on it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  exporters = config.services.prometheus.exporters;
  uses =
    store: lib.any (service: service.${store}.enable) (lib.attrValues (common.enabled cfg.services));

  redisInstance = "redis-ai-stack";
  redisAddress = "unix:///run/${redisInstance}/redis.sock";
  qdrantHasKey = cfg.qdrant.url == null || cfg.secrets.qdrantApiKey != null;

  job = name: port: {
    job_name = "ai-stack-${name}";
    static_configs = [ { targets = [ "127.0.0.1:${toString port}" ]; } ];
  };

  # An exporter of nixpkgs on loopback, in a sandbox as tight as that of the services.
  exporter =
    name:
    {
      settings ? { },
      except ? [ ],
      unit ? { },
    }:
    {
      services.ai-stack.ports."exporter.${name}" = [ exporters.${name}.port ];
      services.ai-stack.memory."prometheus-${name}-exporter.service" = "64M";
      services.prometheus.exporters.${name} = {
        enable = true;
        listenAddress = lib.mkDefault "127.0.0.1";
      }
      // settings;
      services.prometheus.scrapeConfigs = [ (job name exporters.${name}.port) ];
      systemd.services."prometheus-${name}-exporter" = lib.mkMerge [
        {
          serviceConfig = cfg.storeSandbox except // {
            MemoryMax = "64M";
          };
        }
        unit
      ];
    };

  redisPasswords = pkgs.writeShellApplication {
    name = "ai-stack-redis-exporter-passwords";
    runtimeInputs = [ pkgs.jq ];
    text = ''
      set -- ${redisAddress} "$CREDENTIALS_DIRECTORY/redis_password" "$RUNTIME_DIRECTORY/passwords.json"
      ${builtins.readFile ../scripts/redis-exporter.sh}
    '';
  };
in
{
  options.services.ai-stack.gateway.statusPort = lib.mkOption {
    type = lib.types.port;
    default = 18088;
    description = "Loopback port where nginx says how many connections it has.";
  };

  config = lib.mkIf cfg.prometheus.enable (
    lib.mkMerge [
      (exporter "node" {
        settings = {
          enabledCollectors = [ "systemd" ];
          extraFlags = [
            "--collector.textfile.directory=${common.state}/metrics"
            "--collector.systemd.enable-restarts-metrics"
            "--collector.systemd.unit-include=(ai-stack|nginx|postgresql|redis|qdrant|prometheus|alertmanager|grafana|tempo|loki|vector|acme).*"
          ];
        };
        except = [
          # the processes and file systems of the whole machine are what it measures
          "ProcSubset"
          "ProtectProc"
          "PrivateUsers"
        ];
        unit.serviceConfig = {
          # the bus, for the state of units, and the kernel's tables of network devices
          RestrictAddressFamilies = [
            "AF_UNIX"
            "AF_NETLINK"
          ];
          ProtectClock = lib.mkDefault true;
        };
      })
      {
        systemd.tmpfiles.settings.ai-stack."${common.state}/metrics".d = {
          mode = "0755";
          user = "root";
          group = "root";
        };
      }

      (lib.mkIf cfg.gateway.enable (
        lib.mkMerge [
          (exporter "nginx" {
            settings.scrapeUri = "http://127.0.0.1:${toString cfg.gateway.statusPort}/";
          })
          {
            services.ai-stack.ports."gateway.statusPort" = [ cfg.gateway.statusPort ];
            services.nginx.virtualHosts.ai-stack-status = {
              listen = [
                {
                  addr = "127.0.0.1";
                  port = cfg.gateway.statusPort;
                }
              ];
              extraConfig = "access_log off;";
              locations."= /".extraConfig = "stub_status;";
            };
          }
        ]
      ))

      (lib.mkIf (uses "postgresql" && cfg.postgresql.host == null) (
        lib.mkMerge [
          (exporter "postgres" {
            settings.dataSourceName = "user=postgres-exporter database=postgres host=/run/postgresql port=${toString cfg.postgresql.port} sslmode=disable";
            # the server looks the peer's user up
            except = [ "PrivateUsers" ];
            unit = {
              wants = [ "ai-stack-postgresql-monitoring.service" ];
              after = [ "ai-stack-postgresql-monitoring.service" ];
            };
          })
          {
            services.postgresql.ensureUsers = [ { name = "postgres-exporter"; } ];
            systemd.services.ai-stack-postgresql-monitoring = {
              description = "AI stack: let the exporter read the statistics of PostgreSQL";
              requires = [ "postgresql.target" ];
              after = [ "postgresql.target" ];
              serviceConfig = removeAttrs cfg.rootSandbox [ "PrivateUsers" ] // {
                Type = "oneshot";
                RemainAfterExit = true;
                User = "postgres";
                # Statistics and settings, no data (PostgreSQL manual, "Predefined Roles").
                ExecStart = ''${lib.getExe' config.services.postgresql.package "psql"} --no-psqlrc --port ${toString cfg.postgresql.port} --quiet --dbname postgres --command "GRANT pg_monitor TO \"postgres-exporter\""'';
              };
            };
          }
        ]
      ))

      (lib.mkIf (uses "redis" && cfg.redis.url == null) (
        lib.mkMerge [
          (exporter "redis" {
            settings.extraFlags = [
              "-redis.addr=${redisAddress}"
              "-redis.password-file=/run/prometheus-redis-exporter/passwords.json"
            ];
            unit = {
              after = [ "${redisInstance}.service" ];
              serviceConfig = {
                ExecStartPre = lib.getExe redisPasswords;
                LoadCredential = [ "redis_password:${cfg.secrets.registry.redis-password.path}" ];
                RuntimeDirectory = "prometheus-redis-exporter";
                RuntimeDirectoryMode = "0700";
                SupplementaryGroups = [ redisInstance ];
              };
            };
          })
          {
            services.ai-stack.secrets.registry.redis-password.units = [ "prometheus-redis-exporter.service" ];
          }
        ]
      ))

      (lib.mkIf (uses "qdrant") {
        services.prometheus.scrapeConfigs = [
          {
            job_name = "ai-stack-qdrant";
            scheme = lib.head (lib.splitString ":" cfg.qdrant.address);
            static_configs = [ { targets = [ (common.authorityOf cfg.qdrant.address) ]; } ];
            authorization = lib.mkIf qdrantHasKey {
              credentials_file = "/run/credentials/prometheus.service/qdrant_api_key";
            };
          }
        ];
        services.ai-stack.prometheus.peers = [ (common.hostOf cfg.qdrant.address) ];
        services.ai-stack.secrets.registry.qdrant-api-key = lib.mkIf qdrantHasKey {
          units = [ "prometheus.service" ];
        };
        systemd.services.prometheus = lib.mkIf qdrantHasKey {
          wants = [ "ai-stack-secrets.service" ];
          after = [ "ai-stack-secrets.service" ];
          serviceConfig.LoadCredential = [ "qdrant_api_key:${cfg.secrets.registry.qdrant-api-key.path}" ];
        };
      })
    ]
  );
}
