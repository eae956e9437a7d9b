# Redis as a cache: a Unix socket and a password, no TCP, nothing kept on disk.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  store = cfg.redis;
  local = store.url == null;
  secret = common.secretPath "redis-password" cfg.secrets.redisPassword;
  users = lib.filterAttrs (_: service: service.redis.enable) (common.enabled cfg.services);
  instance = "redis-ai-stack";
in
{
  options.services.ai-stack = {
    redis = {
      url = lib.mkOption {
        type = lib.types.nullOr (lib.types.strMatching "rediss?://[^@]+");
        default = null;
        example = "rediss://cache.internal:6379/0";
        description = "Address of a server elsewhere, without password. When null, Redis runs on this machine, on a Unix socket only.";
      };
      memoryMax = lib.mkOption {
        type = common.types.size;
        default = "256M";
        description = "Memory of the server on this machine; the cache itself takes three quarters of it.";
      };
      address = lib.mkOption {
        type = lib.types.str;
        readOnly = true;
        internal = true;
        default = if local then "unix:///run/${instance}/redis.sock" else store.url;
        description = "URL for the clients.";
      };
    };
    secrets.redisPassword = lib.mkOption {
      type = lib.types.nullOr common.types.secretFile;
      default = null;
      example = "/run/secrets/redis-password";
      description = "File with the password of Redis; generated for the server on this machine when null.";
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { config, ... }:
          {
            options.redis.enable = lib.mkEnableOption "the Redis cache for the service";
            config = lib.mkIf config.redis.enable {
              peers = [ (if local then "/run/${instance}" else common.hostOf store.url) ];
              credentials.redis_password = lib.mkIf (local || cfg.secrets.redisPassword != null) secret;
            };
          }
        )
      );
    };
  };

  config = lib.mkIf (users != { }) (
    lib.mkMerge [
      {
        services.ai-stack.secrets.registry.redis-password =
          lib.mkIf (local || cfg.secrets.redisPassword != null)
            {
              file = cfg.secrets.redisPassword;
              units =
                lib.optional local "${instance}.service"
                ++ lib.concatMap (s: s.systemdUnits) (lib.attrValues users);
            };
      }
      (lib.mkIf local {
        services.redis.servers.ai-stack = {
          enable = true;
          port = 0;
          unixSocketPerm = 660;
          requirePassFile = secret;
          save = [ ];
          settings = {
            maxmemory = toString (common.toBytes store.memoryMax / 4 * 3);
            maxmemory-policy = "allkeys-lru";
          };
        };
        services.ai-stack.memory."${instance}.service" = store.memoryMax;

        systemd.services = {
          ${instance} = {
            wants = [ "ai-stack-secrets.service" ];
            after = [ "ai-stack-secrets.service" ];
            serviceConfig = cfg.storeSandbox [ ] // {
              MemoryMax = store.memoryMax;
              Restart = lib.mkDefault "always";
            };
          };
        }
        // lib.mapAttrs' (
          _: service:
          lib.nameValuePair service.unit {
            wants = [ "${instance}.service" ];
            after = [ "${instance}.service" ];
            serviceConfig.SupplementaryGroups = [ instance ];
          }
        ) users;
      })
    ]
  );
}
