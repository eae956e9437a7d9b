# Qdrant on loopback, with an API key that is in no store path and no environment.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  store = cfg.qdrant;
  local = store.url == null;
  secret = common.secretPath "qdrant-api-key" cfg.secrets.qdrantApiKey;
  users = lib.filterAttrs (_: service: service.qdrant.enable) (common.enabled cfg.services);
  inherit (config.services.qdrant) settings;

  # The settings of the module go to the store, so the key is added to a copy of them in /run.
  base = (pkgs.formats.json { }).generate "qdrant.json" settings;
  addKey = pkgs.writeShellApplication {
    name = "ai-stack-qdrant-configuration";
    runtimeInputs = [ pkgs.jq ];
    text = ''
      jq --rawfile key "$CREDENTIALS_DIRECTORY/api_key" '.service.api_key = ($key | rtrimstr("\n"))' \
        ${base} >"$RUNTIME_DIRECTORY/config.json"
    '';
  };
in
{
  options.services.ai-stack = {
    qdrant = {
      url = lib.mkOption {
        type = lib.types.nullOr (lib.types.strMatching "https?://[^/]+");
        default = null;
        example = "https://qdrant.internal:6333";
        description = "Address of a server or cluster elsewhere. When null, Qdrant runs on this machine, on loopback.";
      };
      port = lib.mkOption {
        type = lib.types.port;
        default = 6333;
        description = "Port of the server on this machine; the next one is for gRPC.";
      };
      memoryMax = lib.mkOption {
        type = common.types.size;
        default = "1G";
        description = "Memory of the server on this machine.";
      };
      address = lib.mkOption {
        type = lib.types.str;
        readOnly = true;
        internal = true;
        default = if local then "http://127.0.0.1:${toString store.port}" else store.url;
        description = "URL for the clients.";
      };
    };
    secrets.qdrantApiKey = lib.mkOption {
      type = lib.types.nullOr common.types.secretFile;
      default = null;
      example = "/run/secrets/qdrant-key";
      description = "File with the API key of Qdrant; generated for the server on this machine when null.";
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { config, ... }:
          {
            options.qdrant.enable = lib.mkEnableOption "the Qdrant vector store for the service";
            config = lib.mkIf config.qdrant.enable {
              peers = [ (common.hostOf store.address) ];
              credentials.qdrant_api_key = lib.mkIf (local || cfg.secrets.qdrantApiKey != null) secret;
            };
          }
        )
      );
    };
  };

  config = lib.mkIf (users != { }) (
    lib.mkMerge [
      {
        services.ai-stack.secrets.registry.qdrant-api-key =
          lib.mkIf (local || cfg.secrets.qdrantApiKey != null)
            {
              file = cfg.secrets.qdrantApiKey;
              units =
                lib.optional local "qdrant.service" ++ lib.concatMap (s: s.systemdUnits) (lib.attrValues users);
            };
      }
      (lib.mkIf local {
        services.qdrant = {
          enable = true;
          settings.service = {
            host = lib.mkForce "127.0.0.1";
            http_port = store.port;
            grpc_port = store.port + 1;
            # Pages of other origins have no business here.
            enable_cors = false;
          };
        };
        services.ai-stack.memory."qdrant.service" = store.memoryMax;
        services.ai-stack.ports.qdrant = [
          store.port
          (store.port + 1)
        ];

        systemd.services = {
          qdrant = {
            wants = [ "ai-stack-secrets.service" ];
            after = [ "ai-stack-secrets.service" ];
            serviceConfig = cfg.storeSandbox [ ] // {
              ExecStartPre = lib.getExe addKey;
              ExecStart = lib.mkForce "${lib.getExe pkgs.qdrant} --config-path /run/qdrant/config.json";
              LoadCredential = [ "api_key:${secret}" ];
              RuntimeDirectory = "qdrant";
              RuntimeDirectoryMode = "0700";
              MemoryMax = store.memoryMax;
              Restart = lib.mkForce "always";
            };
          };
        }
        // lib.mapAttrs' (
          _: service:
          lib.nameValuePair service.unit {
            wants = [ "qdrant.service" ];
            after = [ "qdrant.service" ];
          }
        ) users;
      })
    ]
  );
}
