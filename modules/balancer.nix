# Where nginx finds the services, and several endpoints of one behind one loopback address for the others of the stack.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  balanced = lib.filterAttrs (_: service: service.balanced) cfg.services;
  routed = lib.filterAttrs (
    _: service: cfg.gateway.enable && service.route != null && service.endpoints != [ ]
  ) cfg.services;

  hosts = lib.concatMap (service: map common.hostOf service.endpoints) (
    lib.attrValues (balanced // routed)
  );
  named = lib.any (host: (common.reach host).needsNames) hosts;

  # With one server there is no other to turn to, so it is never marked as down.
  upstream =
    name: service:
    lib.nameValuePair "ai-stack-${name}" {
      servers = lib.listToAttrs (
        map (
          url:
          lib.nameValuePair (common.authorityOf url) {
            max_fails = if service.balanced then 2 else 0;
            fail_timeout = "5s";
          }
        ) service.endpoints
      );
      extraConfig = "keepalive 32;";
    };
in
{
  config = lib.mkIf (balanced // routed != { }) {
    services.ai-stack.ports = lib.mapAttrs' (
      name: service: lib.nameValuePair "services.${name}.balancerPort" [ service.balancerPort ]
    ) balanced;

    # nginx ends when it cannot resolve a name at its start, and must not stay away because of that.
    systemd.services.nginx = {
      startLimitIntervalSec = lib.mkForce 0;
      wants = lib.optionals named [ "network-online.target" ];
      after = lib.optionals named [
        "network-online.target"
        "nss-lookup.target"
      ];
    };
    services.nginx = {
      enable = true;
      # One entry for both uses: nginx does not start when its lines are there twice.
      upstreams = lib.mapAttrs' upstream (balanced // routed);
      virtualHosts = lib.mapAttrs' (
        name: service:
        lib.nameValuePair "ai-stack-balance-${name}" {
          listen = [
            {
              addr = "127.0.0.1";
              port = service.balancerPort;
            }
          ];
          extraConfig = "access_log off;";
          locations."/" = {
            proxyPass = "http://ai-stack-${name}";
            recommendedProxySettings = false;
            extraConfig = ''
              proxy_http_version 1.1;
              proxy_set_header Host $http_host;
              proxy_set_header Connection "";
              proxy_buffering off;
              proxy_connect_timeout 1s;
              ${common.nextEndpoint service}
              client_max_body_size 64m;
            '';
          };
        }
      ) balanced;
    };
  };
}
