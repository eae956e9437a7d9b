# Secrets that are given as files: a change of one restarts exactly the units concerned (systemd.path(5)).
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  services = common.enabled cfg.services;
  inherit (cfg.secrets) registry;

  watched =
    lib.mapAttrs (_: secret: { inherit (secret) file units; }) (
      lib.filterAttrs (_: secret: secret.file != null && secret.units != [ ]) registry
    )
    // lib.concatMapAttrs (
      name: service:
      lib.concatMapAttrs (
        id: file:
        lib.optionalAttrs (!lib.elem file (lib.mapAttrsToList (_: secret: secret.path) registry)) {
          # No name of a service has a dot, so no two of these are alike.
          "${name}.${id}" = {
            inherit file;
            units = service.systemdUnits;
          };
        }
      ) service.credentials
    ) services
    // lib.optionalAttrs (cfg.secrets.apiKeys != null) {
      api-keys = {
        file = cfg.secrets.apiKeys;
        units = [ "ai-stack-secrets.service" ];
      };
    };
in
{
  config = lib.mkIf (common.active cfg) {
    systemd.paths = lib.mapAttrs' (
      name: secret:
      lib.nameValuePair "ai-stack-rotate-${name}" {
        description = "AI stack: watch ${name}";
        wantedBy = [ "ai-stack.target" ];
        pathConfig.PathChanged = secret.file;
      }
    ) watched;

    systemd.services = lib.mapAttrs' (
      name: secret:
      lib.nameValuePair "ai-stack-rotate-${name}" {
        description = "AI stack: apply a change of ${name}";
        serviceConfig = cfg.rootSandbox // {
          Type = "oneshot";
          ExecStart = "${lib.getExe' config.systemd.package "systemctl"} try-restart ${lib.concatStringsSep " " secret.units}";
        };
      }
    ) watched;
  };
}
