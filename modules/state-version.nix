# What a new release asks of a machine that an older one has set up: evaluation stops with the steps until they are done.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  release = lib.versions.majorMinor (lib.importTOML ../python/pyproject.toml).project.version;

  due = lib.filter (
    migration: lib.versionOlder cfg.stateVersion migration.version && migration.condition
  ) cfg.migrations;
in
{
  imports = import ./renamed-options.nix { inherit lib; };

  options.services.ai-stack = {
    stateVersion = lib.mkOption {
      type = lib.types.strMatching "[0-9]+\\.[0-9]+";
      default = "0.1";
      example = release;
      description = ''
        The release of this project that set up the state of this machine. Set it once, to the release at the time, and
        change it only when a message of an upgrade says so, after the steps that it names. When it is not set, the
        first release is assumed, so that no step is missed.
      '';
    };
    release = lib.mkOption {
      type = lib.types.str;
      default = release;
      readOnly = true;
      internal = true;
      description = "This release.";
    };
    migrations = lib.mkOption {
      type = lib.types.listOf (
        lib.types.submodule {
          options = {
            version = lib.mkOption {
              type = lib.types.strMatching "[0-9]+\\.[0-9]+";
              description = "The release that asks for it: state of an older one is concerned.";
            };
            condition = lib.mkOption {
              type = lib.types.bool;
              default = true;
              description = "Whether this configuration is concerned.";
            };
            change = lib.mkOption {
              type = lib.types.str;
              description = "What has changed, in one sentence.";
            };
            steps = lib.mkOption {
              type = lib.types.nonEmptyListOf lib.types.str;
              description = "What to do, in order.";
            };
          };
        }
      );
      default = [ ];
      internal = true;
      description = "Steps by hand, by release.";
    };
  };

  config = lib.mkIf (common.active cfg) {
    assertions = [
      {
        assertion = lib.versionAtLeast release cfg.stateVersion;
        message = "services.ai-stack.stateVersion is ${cfg.stateVersion}, and this is release ${release}: the state of a newer release is not understood. Use release ${cfg.stateVersion} or newer, or restore a backup of ${release}.";
      }
    ]
    ++ map (migration: {
      assertion = false;
      message = ''
        services.ai-stack: ${migration.change} (release ${migration.version}; the state here is of ${cfg.stateVersion}). Do this:
        ${lib.concatStringsSep "\n" (
          lib.imap1 (number: step: "  ${toString number}. ${step}") migration.steps
        )}
        Then set services.ai-stack.stateVersion = "${migration.version}". On a machine that was set up with ${migration.version} or newer, set it right away.'';
    }) (lib.sort (a: b: lib.versionOlder a.version b.version) due);
  };
}
