# Renders every enabled service to its systemd unit, user, state directory and firewall opening.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  json = pkgs.formats.json { };
  services = common.enabled cfg.services;

  # "ai-stack-x" -> [ "ai-stack-x.service" ]; a template -> its instances, which are named by their port
  unitsOf =
    service:
    if service.instances == 1 then
      [ "${service.unit}.service" ]
    else
      map (port: "${service.unit}${toString port}.service") service.ports;

  unitsOfNames =
    names: lib.concatMap (name: unitsOf services.${name}) (lib.filter (name: services ? ${name}) names);

  # Everything is literal but the path of the settings, which names the instance by %i.
  execStart =
    service:
    lib.concatMapStringsSep " " (
      word: if word == service.configFile then word else utils.escapeSystemdExecArg word
    ) service.command;

  toUnit = name: service: {
    description = "AI stack: ${name}" + lib.optionalString (service.instances > 1) " on port %i";
    wantedBy = lib.mkIf (service.instances == 1) [ "ai-stack.target" ];
    partOf = [ "ai-stack.target" ];
    wants = unitsOfNames service.after;
    requires = unitsOfNames service.requires;
    after = [ "network.target" ] ++ unitsOfNames (service.after ++ service.requires);
    environment =
      lib.optionalAttrs (service.runtime == "other") {
        HOST = service.listenAddress;
        PORT = if service.instances > 1 then "%i" else toString service.port;
      }
      # literally: systemd would read %h and the like (systemd.unit(5), "Specifiers")
      // lib.mapAttrs (_: lib.replaceStrings [ "%" ] [ "%%" ]) service.environment;
    restartTriggers = lib.optionals (service.instances > 1) (
      map (port: config.environment.etc."ai-stack/${name}/${toString port}.json".source) service.ports
    );
    # Never given up: a store may be away for hours. The pause between attempts grows up to half a minute.
    startLimitIntervalSec = 0;
    serviceConfig = {
      Type = if service.runtime == "ai-stack" then "notify" else "exec";
      ExecStart = execStart service;
      User = service.user;
      Group = service.user;
      StateDirectory = "ai-stack/${name}";
      StateDirectoryMode = "0700";
      CacheDirectory = "ai-stack/${name}";
      CacheDirectoryMode = "0700";
      WorkingDirectory = "%S/ai-stack/${name}";
      LoadCredential = lib.mapAttrsToList (id: file: "${id}:${file}") service.credentials;
      Slice = "aistack.slice";
      Restart = "always";
      RestartSec = "500ms";
      RestartSteps = 8;
      RestartMaxDelaySec = "30s";
      TimeoutStartSec = service.startTimeout;
      # longer than the runtime's own 20 s for requests that are under way
      TimeoutStopSec = "30s";
      MemoryMax = service.memoryMax;
      MemoryHigh = toString (common.toBytes service.memoryMax / 10 * 9);
      TasksMax = service.tasksMax;
      OOMPolicy = "stop";
      LimitNOFILE = 65536;
    }
    // lib.optionalAttrs (service.runtime == "ai-stack") {
      NotifyAccess = "main";
      WatchdogSec = "30s";
    }
    // lib.optionalAttrs (service.cpuQuota != null) { CPUQuota = service.cpuQuota; };
  };
in
{
  options.services.ai-stack.services = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.submodule (
        { config, ... }:
        {
          options.systemdUnits = lib.mkOption {
            type = lib.types.listOf lib.types.str;
            readOnly = true;
            internal = true;
            description = "Names of the units that run the service.";
          };
          config.systemdUnits = unitsOf config;
        }
      )
    );
  };

  config = lib.mkIf (common.active cfg) {
    services.ai-stack.ports = lib.mapAttrs' (
      name: service: lib.nameValuePair "services.${name}" service.ports
    ) services;
    services.ai-stack.memory = lib.concatMapAttrs (
      _: service: lib.genAttrs service.systemdUnits (_: service.memoryMax)
    ) services;

    systemd.targets.ai-stack = {
      description = "AI stack";
      wantedBy = [ "multi-user.target" ];
      wants = lib.concatMap unitsOf (lib.attrValues (lib.filterAttrs (_: s: s.instances > 1) services));
    };
    systemd.slices.aistack.description = "AI stack";
    systemd.services = lib.mapAttrs' (
      name: service: lib.nameValuePair service.unit (toUnit name service)
    ) services;

    environment.etc = lib.concatMapAttrs (
      name: service:
      lib.optionalAttrs (service.instances > 1) (
        lib.listToAttrs (
          map (
            port:
            lib.nameValuePair "ai-stack/${name}/${toString port}.json" {
              source = json.generate "ai-stack-${name}-${toString port}.json" (
                service.settings // { inherit port; }
              );
            }
          ) service.ports
        )
      )
    ) services;

    users.users = lib.mapAttrs' (
      name: service:
      lib.nameValuePair service.user {
        isSystemUser = true;
        group = service.user;
        description = "AI stack, ${name}";
      }
    ) services;
    users.groups = lib.mapAttrs' (_: service: lib.nameValuePair service.user { }) services;

    networking.firewall.allowedTCPPorts = lib.concatMap (
      service: lib.optionals service.openFirewall service.ports
    ) (lib.attrValues services);
  };
}
