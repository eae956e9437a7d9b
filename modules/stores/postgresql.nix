# PostgreSQL over its Unix socket with peer authentication: the role is the system user, and there is no password.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  store = cfg.postgresql;
  local = store.host == null;
  users = lib.filterAttrs (_: service: service.postgresql.enable) (common.enabled cfg.services);

  # Extensions that are not marked as trusted need a superuser, whom the services are not.
  setup = pkgs.writeText "ai-stack-postgresql.sql" (
    lib.concatStringsSep "\n" (
      lib.mapAttrsToList (_: service: ''
        \connect "${service.postgresql.database}"
        REVOKE ALL ON DATABASE "${service.postgresql.database}" FROM PUBLIC;
        ${lib.concatMapStringsSep "\n" (
          extension: ''CREATE EXTENSION IF NOT EXISTS "${extension}";''
        ) service.postgresql.extensions}
      '') users
    )
  );
in
{
  options.services.ai-stack = {
    postgresql = {
      host = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        example = "db.internal";
        description = "Host of a server elsewhere. When null, PostgreSQL runs on this machine, on a Unix socket only.";
      };
      port = lib.mkOption {
        type = lib.types.port;
        default = 5432;
        description = "Port of the server.";
      };
      passwordFile = lib.mkOption {
        type = lib.types.nullOr common.types.secretFile;
        default = null;
        example = "/run/secrets/pg";
        description = "File with the password for a server elsewhere.";
      };
      memoryMax = lib.mkOption {
        type = common.types.size;
        default = "1G";
        description = "Memory of the server on this machine.";
      };
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { config, ... }:
          {
            options.postgresql = {
              enable = lib.mkEnableOption "a PostgreSQL database for the service";
              user = lib.mkOption {
                type = lib.types.str;
                default = config.user;
                defaultText = lib.literalMD "the system user of the service";
                description = "Role that the service connects as.";
              };
              database = lib.mkOption {
                type = lib.types.str;
                default = config.user;
                defaultText = lib.literalMD "the system user of the service";
                description = "Database of the service.";
              };
              extensions = lib.mkOption {
                type = lib.types.listOf (lib.types.strMatching "[a-z][a-z0-9_]*");
                default = [ ];
                example = [ "vector" ];
                description = "Extensions that a superuser must create. On a server elsewhere, its operator does.";
              };
              extensionPackages = lib.mkOption {
                type = lib.types.functionTo (lib.types.listOf lib.types.package);
                default = _: [ ];
                defaultText = lib.literalExpression "_: [ ]";
                example = lib.literalExpression "ps: [ ps.pgvector ]";
                description = "Packages with these extensions.";
              };
            };
            config = lib.mkIf config.postgresql.enable {
              peers = [ store.address ];
              credentials.postgres_password = lib.mkIf (store.passwordFile != null) store.passwordFile;
            };
          }
        )
      );
    };
    postgresql.address = lib.mkOption {
      type = lib.types.str;
      readOnly = true;
      internal = true;
      default = if local then "/run/postgresql" else store.host;
      description = "Host, or directory of the socket.";
    };
  };

  config = lib.mkIf (users != { }) (
    lib.mkMerge [
      {
        assertions = [
          {
            assertion = local || store.passwordFile != null;
            message = "services.ai-stack.postgresql.host is ${toString store.host}: set services.ai-stack.postgresql.passwordFile to a file with the password, outside the store.";
          }
        ];
      }
      (lib.mkIf local {
        assertions = lib.mapAttrsToList (name: service: {
          assertion = service.postgresql.user == service.user && service.postgresql.database == service.user;
          message = "services.ai-stack.services.${name}.postgresql: on this machine the role and the database are named ${service.user}, as the user that the socket tells the server. Leave `user` and `database` alone; they are for a server elsewhere.";
        }) users;
        services.postgresql = {
          enable = true;
          extensions =
            ps: lib.concatMap (service: service.postgresql.extensionPackages ps) (lib.attrValues users);
          ensureDatabases = lib.mapAttrsToList (_: service: service.postgresql.database) users;
          ensureUsers = lib.mapAttrsToList (_: service: {
            name = service.postgresql.user;
            ensureDBOwnership = true;
          }) users;
          # Not even on loopback, unless somebody else on this machine asked for TCP.
          settings.listen_addresses = lib.mkIf (!config.services.postgresql.enableTCPIP) (lib.mkForce "");
          # names the socket as well, where the clients look for it
          settings.port = store.port;
        };
        services.ai-stack.memory."postgresql.service" = store.memoryMax;

        systemd.services = {
          postgresql.serviceConfig =
            cfg.storeSandbox (
              [
                # Peer authentication compares ids of users, which it would hide.
                "PrivateUsers"
                # The server removes its shared memory by itself; systemd would do so under its feet.
                "PrivateIPC"
                "RemoveIPC"
              ]
              # Clients of others may come from anywhere.
              ++ lib.optionals config.services.postgresql.enableTCPIP [
                "IPAddressAllow"
                "IPAddressDeny"
              ]
            )
            // {
              MemoryMax = store.memoryMax;
              # not every release of nixpkgs does so after a crash
              Restart = lib.mkDefault "always";
              RestrictAddressFamilies = lib.mkDefault [
                "AF_UNIX"
                "AF_INET"
                "AF_INET6"
                "AF_NETLINK"
              ];
            };
          ai-stack-postgresql = {
            description = "AI stack: extensions and access to the databases";
            wantedBy = [ "ai-stack.target" ];
            requires = [ "postgresql.target" ];
            after = [ "postgresql.target" ];
            serviceConfig = removeAttrs cfg.rootSandbox [ "PrivateUsers" ] // {
              Type = "oneshot";
              RemainAfterExit = true;
              User = "postgres";
              ExecStart = "${lib.getExe' config.services.postgresql.package "psql"} --no-psqlrc --port ${toString store.port} --quiet --set ON_ERROR_STOP=1 --dbname postgres --file ${setup}";
            };
          };
        }
        // lib.mapAttrs' (
          _: service:
          lib.nameValuePair service.unit {
            # The service waits for its database by itself, so a restart of the server does not restart it.
            wants = [ "ai-stack-postgresql.service" ];
            after = [
              "postgresql.target"
              "ai-stack-postgresql.service"
            ];
          }
        ) users;
      })
    ]
  );
}
