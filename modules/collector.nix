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
      description = "Time between two runs. A run within 10 s of the last one changes nothing.";
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
