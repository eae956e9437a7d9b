# From the journal to Loki: Vector, of nixpkgs. It moves on in the journal only when Loki has taken what was read, so
# that nothing is lost while Loki is away.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  logs = cfg.logs;

  nameOf = unit: lib.removePrefix "ai-stack-" (lib.removeSuffix ".service" unit);
  once = lib.filter (name: lib.hasPrefix "ai-stack-" name && !lib.hasSuffix "@" name) (
    lib.attrNames config.systemd.services
  );
  # What becomes of a unit's name in the label `service`. Units that are not in here are not shipped.
  services =
    lib.listToAttrs (
      map (unit: lib.nameValuePair unit (nameOf unit)) (
        map (name: "${name}.service") once
        # its own complaints would come back to it
        ++ lib.remove "vector.service" (lib.attrNames cfg.memory)
      )
    )
    // lib.concatMapAttrs (name: service: lib.genAttrs service.systemdUnits (_: name)) (
      common.enabled cfg.services
    );
  units = lib.attrNames services;

  # No dollar sign in here: older versions take it for a variable of the environment.
  # https://vector.dev/docs/reference/vrl/
  label = ''
    unit = string(._SYSTEMD_UNIT) ?? ""
    # What the service manager says about a unit. Any program may set UNIT, but _PID comes from the kernel.
    if ._PID == "1" {
      unit = string(.UNIT) ?? ""
    }
    service = get!(${builtins.toJSON services}, [unit])
    if service == null {
      abort
    }
    line = parse_json(string(.message) ?? "") ?? {}
    level = string(line.level) ?? ""
    if !includes(["debug", "info", "warning", "error", "critical"], level) {
      priority = parse_int(string(.PRIORITY) ?? "") ?? 6
      level = if priority < 3 {
        "critical"
      } else if priority == 3 {
        "error"
      } else if priority == 4 {
        "warning"
      } else if priority == 7 {
        "debug"
      } else {
        "info"
      }
    }
    . = { "message": .message, "timestamp": .timestamp, "unit": unit, "service": service, "level": level }
  '';
in
{
  config = lib.mkIf logs.enable {
    services.ai-stack.memory."vector.service" = logs.shipperMemoryMax;
    services.prometheus.scrapeConfigs = lib.mkIf cfg.prometheus.enable [
      {
        job_name = "ai-stack-vector";
        static_configs = [ { targets = [ "127.0.0.1:${toString logs.ports.shipper}" ]; } ];
      }
    ];

    services.vector = {
      enable = true;
      journaldAccess = true;
      # https://vector.dev/docs/reference/configuration/
      settings = {
        sources = {
          journal = {
            type = "journald";
            journalctl_path = "${config.systemd.package}/bin/journalctl";
            # either of them; the transform looks at who says so
            include_matches = {
              _SYSTEMD_UNIT = units;
              UNIT = units;
            };
          };
          internal.type = "internal_metrics";
        };
        transforms.lines = {
          type = "remap";
          inputs = [ "journal" ];
          source = label;
        };
        sinks = {
          loki = {
            type = "loki";
            inputs = [ "lines" ];
            endpoint = "http://127.0.0.1:${toString logs.ports.http}";
            # the line as it was written
            encoding.codec = "text";
            labels = {
              unit = "{{ unit }}";
              service = "{{ service }}";
              level = "{{ level }}";
            };
            acknowledgements.enabled = true;
          }
          // lib.optionalAttrs (lib.versionAtLeast (lib.getVersion config.services.vector.package) "0.57") {
            # Since 0.57 a template without a literal beginning is refused, for it may lead anywhere. These are labels,
            # and their values come from the closed lists of the transform. Older versions do not know the key.
            dangerously_allow_unconfined_template_resolution = true;
          };
          measurements = {
            type = "prometheus_exporter";
            inputs = [ "internal" ];
            address = "127.0.0.1:${toString logs.ports.shipper}";
          };
        };
      };
    };
    systemd.services.vector = {
      wants = [ "loki.service" ];
      after = [ "loki.service" ];
      # Never given up, like the services.
      unitConfig.StartLimitIntervalSec = lib.mkForce 0;
      serviceConfig =
        # journalctl asks /proc/sys for the id of the boot
        cfg.storeSandbox [ "ProcSubset" ] // {
          AmbientCapabilities = lib.mkForce "";
          MemoryMax = logs.shipperMemoryMax;
          RestartSec = "2s";
        };
    };
  };
}
