# The figures of the stack in one JSON document and one file for node exporter, once a minute.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.ai-stack;
  collector = cfg.collector;
  common = import ./lib.nix { inherit lib; };
  observability = import ./observability/lib.nix { inherit lib; };
  metrics = "${common.state}/metrics";

  watched = lib.filterAttrs (
    _: service: service.runtime == "ai-stack" && service.endpoints != [ ]
  ) cfg.services;
  reached = map (service: common.reach (common.hostOf service.url)) (lib.attrValues watched);
in
{
  options.services.ai-stack.collector = {
    enable = lib.mkEnableOption "the collector of figures, which writes ${metrics}/ai_metrics.json and ${metrics}/collector.prom";
    interval = lib.mkOption {
      type = common.types.timeSpan;
      default = "1min";
      example = "30s";
      description = ''
        Time between two runs. A run within 10 s of the last one changes nothing. The alert CollectorStale expects one
        every ten minutes; with a longer interval, set `services.ai-stack.alerts.CollectorStale.expr`.
      '';
    };
    keyFile = lib.mkOption {
      type = lib.types.nullOr common.types.secretFile;
      default = null;
      example = "/run/secrets/ai-stack-collector";
      description = ''
        File with an API key of the scope `read`, for the exact counts of documents and collections. Without it, these
        are null; everything else needs no key.
      '';
    };
  };

  config = lib.mkIf collector.enable {
    services.ai-stack.alerts = lib.mkIf cfg.prometheus.enable (
      observability.defaults {
        CollectorStale = {
          expr = ''time() - node_textfile_mtime_seconds{file=~".*/collector.prom"} > 600'';
          for = "5m";
          summary = "The collector's figures are {{ $value | humanizeDuration }} old";
          description = "What reads ai_metrics.json shows a state that is over.";
        };
      }
    );
    services.ai-stack.dashboards.ai-stack-machine = lib.mkIf cfg.grafana.enable {
      panels = lib.mkAfter [
        {
          title = "Collector: services";
          type = "state-timeline";
          queries = [
            {
              expr = "ai_stack_service_up";
              legend = "{{service}}";
            }
          ];
          values = {
            "0" = "not well";
            "1" = "well";
          };
          thresholds = [
            {
              from = 1;
              color = "green";
            }
          ];
        }
        {
          title = "Collector: age of its figures";
          unit = "s";
          queries = [
            {
              expr = "time() - ai_stack_collector_last_run_timestamp_seconds";
              legend = "age";
            }
          ];
        }
      ];
    };
    services.ai-stack.memory."ai-stack-collector.service" = "256M";
    systemd.tmpfiles.settings.ai-stack.${metrics}.d = {
      mode = "0755";
      user = "root";
      group = "root";
    };
    systemd.timers.ai-stack-collector = {
      description = "AI stack: collect figures";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnBootSec = "1min";
        OnUnitActiveSec = collector.interval;
        AccuracySec = "1s";
      };
    };
    systemd.services.ai-stack-collector = {
      description = "AI stack: collect figures";
      after = [ "systemd-tmpfiles-resetup.service" ];
      serviceConfig =
        cfg.rootSandbox
        // {
          Type = "oneshot";
          ExecStart = lib.escapeShellArgs (
            [
              "${cfg.packages.ai-stack}/bin/ai-stack-collect-metrics"
              "--directory"
              "${common.state}/collector"
              "--output"
              "${metrics}/ai_metrics.json"
              "--textfile"
              "${metrics}/collector.prom"
            ]
            ++ lib.concatLists (
              lib.mapAttrsToList (name: service: [
                "--service"
                "${name}=${service.url}"
              ]) watched
            )
            ++ lib.optionals (collector.keyFile != null) [
              "--key-file"
              "/run/credentials/ai-stack-collector.service/key"
            ]
          );
          StateDirectory = "ai-stack/collector";
          StateDirectoryMode = "0700";
          ReadWritePaths = [ metrics ];
          LoadCredential = lib.optional (collector.keyFile != null) "key:${collector.keyFile}";
          Slice = "aistack.slice";
          MemoryMax = "256M";
          TimeoutStartSec = "30s";
          # it asks the services, and nobody else
          PrivateNetwork = false;
          RestrictAddressFamilies = [
            "AF_UNIX"
            "AF_INET"
            "AF_INET6"
          ];
          IPAddressAllow = [ "localhost" ] ++ lib.concatMap (each: each.addresses) reached;
        }
        # the address filter takes addresses only
        // lib.optionalAttrs (lib.any (each: each.needsNames) reached) { IPAddressDeny = ""; };
    };
  };
}
