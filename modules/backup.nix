# Backups: one timer, one directory of dated and checksummed backups, any restic repository after it, one way back.
# Databases and collections of the stores on this machine, secrets and keys, and what each service asks for.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.services.ai-stack;
  backup = cfg.backup;
  common = import ./lib.nix { inherit lib; };
  services = common.enabled cfg.services;
  metrics = "${common.state}/metrics";

  hasPostgresql = cfg.postgresql.host == null && databases != [ ];
  databases = map (service: {
    name = service.postgresql.database;
    owner = service.postgresql.user;
  }) (lib.filter (service: service.postgresql.enable) (lib.attrValues services));

  hasQdrant =
    cfg.qdrant.url == null && lib.any (service: service.qdrant.enable) (lib.attrValues services);
  qdrantKey = cfg.secrets.registry.qdrant-api-key.path;

  paths = lib.concatMap (entry: entry.paths) files;
  files = [
    {
      name = "ai-stack";
      paths = [
        "${common.state}/keys"
        "${common.state}/secrets"
      ]
      ++ lib.optional (cfg.gateway.enable && cfg.tls.mode == "selfSigned") "${common.state}/tls";
    }
  ]
  ++ lib.mapAttrsToList (name: service: {
    name = "service-${name}";
    inherit (service.backup) paths;
  }) (lib.filterAttrs (_: service: service.backup.paths != [ ]) services);

  configuration = {
    inherit (backup) directory keep;
    inherit (cfg) stateVersion;
    inherit files;
    metrics = "${metrics}/backup.prom";
    postgresql =
      if hasPostgresql then
        {
          inherit (cfg.postgresql) port;
          inherit databases;
          socket = cfg.postgresql.address;
          superuser = config.services.postgresql.superUser;
        }
      else
        null;
    qdrant =
      if hasQdrant then
        {
          url = cfg.qdrant.address;
          keyFile = qdrantKey;
        }
      else
        null;
    units = {
      services = lib.concatMap (service: service.systemdUnits) (lib.attrValues services);
      setup = [ "ai-stack-secrets.service" ] ++ lib.optional hasPostgresql "ai-stack-postgresql.service";
      # those that read a secret when they start
      stores = lib.unique (
        lib.concatMap (secret: secret.units) (lib.attrValues cfg.secrets.registry)
        ++ lib.optional cfg.gateway.enable "nginx.service"
      );
    };
  };
  # The service manager hands the key to the unit; a person who restores reads the file.
  forUnit = lib.recursiveUpdate configuration (
    lib.optionalAttrs hasQdrant {
      qdrant.keyFile = "/run/credentials/ai-stack-backup.service/qdrant-api-key";
    }
  );

  program =
    name: script: told:
    pkgs.writeShellApplication {
      inherit name;
      runtimeInputs = [
        config.systemd.package
        pkgs.coreutils
        pkgs.curl
        pkgs.findutils
        pkgs.gawk
        pkgs.gnutar
        pkgs.gzip
        pkgs.jq
        pkgs.util-linux
      ]
      ++ lib.optional hasPostgresql config.services.postgresql.package;
      text = ''
        set -- ${(pkgs.formats.json { }).generate "ai-stack-backup.json" told} "$@"
        ${builtins.readFile script}
      '';
    };

  # Reads everything and changes nothing; the role is named as the system user, for peer authentication.
  user = "ai-stack-backup";
  grants = [
    ''GRANT pg_read_all_data TO "${user}"''
  ]
  ++ map (database: ''GRANT CONNECT ON DATABASE "${database.name}" TO "${user}"'') databases;
in
{
  imports = [
    ./backup-options.nix
    ./backup-hooks.nix
  ];

  config = lib.mkIf backup.enable (
    lib.mkMerge [
      {
        environment.systemPackages = [
          (program "ai-stack-restore" ./scripts/restore.sh configuration)
        ];
        services.ai-stack.backup = { inherit configuration; };
        services.ai-stack.memory."ai-stack-backup.service" = "512M";

        systemd.tmpfiles.settings.ai-stack = {
          ${backup.directory}.d = {
            mode = "0700";
            inherit user;
            group = user;
          };
          ${metrics}.d = {
            # others write here as root
            mode = lib.mkForce "0775";
            user = "root";
            group = lib.mkForce user;
          };
        };

        users.users.${user} = {
          isSystemUser = true;
          group = user;
          description = "AI stack, backups";
        };
        users.groups.${user} = { };

        systemd.timers.ai-stack-backup = {
          description = "AI stack: backup";
          wantedBy = [ "timers.target" ];
          timerConfig = {
            OnCalendar = backup.schedule;
            Persistent = true;
            RandomizedDelaySec = "30min";
          };
        };

        systemd.services.ai-stack-backup = {
          description = "AI stack: backup";
          restartIfChanged = false;
          after = [
            "systemd-tmpfiles-resetup.service"
            "ai-stack-secrets.service"
          ];
          unitConfig.RequiresMountsFor = [ backup.directory ];
          serviceConfig = cfg.rootSandbox // {
            Type = "oneshot";
            ExecStart = lib.getExe (program "ai-stack-backup" ./scripts/backup.sh forUnit);
            ReadWritePaths = [
              backup.directory
              metrics
            ];
            User = user;
            Group = user;
            # state of the services belongs to their users
            AmbientCapabilities = [ "CAP_DAC_READ_SEARCH" ];
            CapabilityBoundingSet = [ "CAP_DAC_READ_SEARCH" ];
            ProtectHome =
              if lib.any (path: lib.hasPrefix "/home/" path || lib.hasPrefix "/root/" path) paths then
                "read-only"
              else
                true;
            Slice = "aistack.slice";
            MemoryMax = "512M";
            TimeoutStartSec = "6h";
            Nice = 10;
            IOSchedulingClass = "best-effort";
            IOSchedulingPriority = 7;
          };
        };
      }
      (lib.mkIf hasPostgresql {
        services.postgresql.ensureUsers = [
          {
            name = user;
            # row-level security would leave rows out
            ensureClauses.bypassrls = true;
          }
        ];
        systemd.services.ai-stack-postgresql.serviceConfig.ExecStartPost = utils.escapeSystemdExecArgs (
          [
            (lib.getExe' config.services.postgresql.package "psql")
            "--no-psqlrc"
            "--port=${toString cfg.postgresql.port}"
            "--quiet"
            "--set=ON_ERROR_STOP=1"
            "--dbname=postgres"
          ]
          ++ map (statement: "--command=${statement}") grants
        );
        systemd.services.ai-stack-backup.after = [ "ai-stack-postgresql.service" ];
      })
      (lib.mkIf hasQdrant {
        systemd.services.ai-stack-backup = {
          after = [ "qdrant.service" ];
          serviceConfig = {
            LoadCredential = [ "qdrant-api-key:${qdrantKey}" ];
            PrivateNetwork = lib.mkForce false;
            IPAddressAllow = [ "localhost" ];
            RestrictAddressFamilies = lib.mkForce [
              "AF_UNIX"
              "AF_INET"
              "AF_INET6"
            ];
          };
        };
      })
    ]
  );
}
