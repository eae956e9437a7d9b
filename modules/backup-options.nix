# Options of backups, what a service asks of them, and the repository elsewhere.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  backup = cfg.backup;
  restic = backup.restic;
  common = import ./lib.nix { inherit lib; };

  # A repository's address is in the unit, which everybody can read.
  repository = lib.types.addCheck lib.types.str (
    url: builtins.match ".*://[^/]*:[^/]*@.*" url == null
  );
in
{
  options.services.ai-stack = {
    backup = {
      enable = lib.mkOption {
        type = lib.types.bool;
        default = cfg.enable;
        defaultText = lib.literalExpression "config.services.ai-stack.enable";
        description = ''
          Whether to back up this machine's part of the stack: its databases and collections, secrets, API keys, the
          internal authority, and what each service asks for. Servers elsewhere are backed up by those who run them.
        '';
      };
      schedule = lib.mkOption {
        type = lib.types.str;
        default = "daily";
        example = "*-*-* 03:00:00";
        description = "When, as in {manpage}`systemd.time(7)`. A time that was missed is made up for.";
      };
      directory = lib.mkOption {
        type = lib.types.strMatching "/[A-Za-z0-9._/-]*[A-Za-z0-9._-]";
        default = "/var/backup/ai-stack";
        example = "/mnt/backup/ai-stack";
        description = "Directory of the backups, readable by root and by the user of the nightly run. Better on another disk.";
      };
      keep = {
        count = lib.mkOption {
          type = lib.types.ints.positive;
          default = 7;
          description = "How many of the newest backups are kept, however old they are.";
        };
        days = lib.mkOption {
          type = lib.types.nullOr lib.types.ints.positive;
          default = null;
          example = 30;
          description = "Others are kept for so many days; null: not at all.";
        };
      };
      configuration = lib.mkOption {
        type = lib.types.attrsOf lib.types.anything;
        internal = true;
        description = "What the programs are told; see scripts/backup.sh.";
      };
      restic = {
        repository = lib.mkOption {
          type = lib.types.nullOr repository;
          default = null;
          example = "sftp:backup@vault.example.org:/srv/ai-stack";
          description = ''
            Repository of restic that each backup goes to as well, encrypted. It holds no password; give that in
            `environmentFile`.
          '';
        };
        passwordFile = lib.mkOption {
          type = lib.types.nullOr common.types.secretFile;
          default = null;
          example = "/run/secrets/restic-password";
          description = "File with the password that the repository is encrypted with. Keep a copy outside this machine.";
        };
        environmentFile = lib.mkOption {
          type = lib.types.nullOr common.types.secretFile;
          default = null;
          example = "/run/secrets/restic-environment";
          description = "File with variables that give access to the repository, such as `AWS_SECRET_ACCESS_KEY=…`.";
        };
        pruneOpts = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [
            "--keep-daily 7"
            "--keep-weekly 5"
            "--keep-monthly 12"
          ];
          description = "What is kept in the repository, as options of `restic forget --prune`.";
        };
      };
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { name, ... }:
          {
            options.backup = {
              paths = lib.mkOption {
                type = lib.types.listOf (lib.types.strMatching "/.+[^/]");
                default = [ "${common.state}/${name}" ];
                defaultText = lib.literalMD "the state directory of the service";
                example = [ "/srv/translator" ];
                description = ''
                  Files and directories that are backed up as they are, beside the database and the collections. They
                  must exist, and a restore replaces them.
                '';
              };
              prepare = lib.mkOption {
                type = lib.types.nullOr lib.types.lines;
                default = null;
                example = ''sqlite3 words.sqlite ".backup words.backup"'';
                description = ''
                  Shell commands before a backup, run as the user of the service, in its sandbox and its state
                  directory. When they fail there is no backup.
                '';
              };
              cleanup = lib.mkOption {
                type = lib.types.nullOr lib.types.lines;
                default = null;
                example = "rm -f words.backup";
                description = "Shell commands afterwards, whether the backup succeeded or not.";
              };
            };
          }
        )
      );
    };
  };

  config = lib.mkIf (backup.enable && restic.repository != null) {
    assertions = [
      {
        assertion = restic.passwordFile != null;
        message = "services.ai-stack.backup.restic.repository is set: set services.ai-stack.backup.restic.passwordFile to a file outside the store, with the password to encrypt with.";
      }
    ];
    services.restic.backups.ai-stack = {
      inherit (restic) repository environmentFile;
      passwordFile = toString restic.passwordFile;
      # always this path: retention goes by host and path
      paths = [ backup.directory ];
      exclude = [
        "${backup.directory}/.new-*"
        "${backup.directory}/.old-*"
      ];
      initialize = true;
      inherit (restic) pruneOpts;
      timerConfig = null;
    };
    systemd.services = {
      ai-stack-backup.onSuccess = [ "restic-backups-ai-stack.service" ];
      # It talks to wherever the repository is, perhaps with root's SSH key.
      restic-backups-ai-stack.serviceConfig =
        cfg.storeSandbox [
          "CapabilityBoundingSet"
          "IPAddressAllow"
          "IPAddressDeny"
          "PrivateUsers"
          "ProtectHome"
          "RestrictAddressFamilies"
        ]
        // {
          # the directory belongs to the user of the nightly run
          CapabilityBoundingSet = [ "CAP_DAC_READ_SEARCH" ];
          ProtectHome = lib.mkDefault "read-only";
          RestrictAddressFamilies = lib.mkDefault [
            "AF_UNIX"
            "AF_INET"
            "AF_INET6"
            "AF_NETLINK"
          ];
          Slice = "aistack.slice";
        }
        // lib.optionalAttrs (lib.hasPrefix "/" restic.repository) {
          ReadWritePaths = [ restic.repository ];
        };
    };
  };
}
