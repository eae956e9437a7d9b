# What a service may be called: its user, units, directories, job and dashboard are named after it.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };

  # What else is called ai-stack-NAME, or lies at /var/lib/ai-stack/NAME.
  reserved = [
    # units, groups and directories
    "backup"
    "certificate"
    "collector"
    "jaeger"
    "keys"
    "metrics"
    "postgresql"
    "postgresql-monitoring"
    "secrets"
    "tls"
    # jobs of Prometheus, dashboards and data sources
    "alertmanager"
    "logs"
    "loki"
    "machine"
    "nginx"
    "node"
    "overview"
    "postgres"
    "prometheus"
    "qdrant"
    "redis"
    "runbooks"
    "stores"
    "tempo"
    "traces"
    "vector"
    # in the lines of the log
    "gateway"
  ];
  reservedPrefixes = [
    "backup-hooks-"
    "rotate-"
  ];
  isReserved =
    name: lib.elem name reserved || lib.any (prefix: lib.hasPrefix prefix name) reservedPrefixes;
in
{
  options.services.ai-stack.reservedNames = lib.mkOption {
    type = lib.types.listOf lib.types.str;
    default = reserved;
    readOnly = true;
    internal = true;
    description = "Names that no service may have.";
  };

  config.assertions = lib.concatLists (
    lib.mapAttrsToList (name: _: [
      {
        assertion =
          builtins.match "[a-z][a-z0-9-]{0,${toString (common.longestName - 2)}}[a-z0-9]" name != null;
        message = "services.ai-stack.services.${name}: a service is named by 2 to ${toString common.longestName} lower-case letters, digits and dashes, because its user and its unit are named after it.";
      }
      {
        assertion = !isReserved name;
        message = "services.ai-stack.services.${name}: the stack itself has a unit, a directory or a job of this name. Call the service otherwise, such as my-${name}.";
      }
    ]) cfg.services
  );
}
