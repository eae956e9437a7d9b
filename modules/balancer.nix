# Several endpoints of one service behind one loopback address, for the other services of the stack.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  balanced = lib.filterAttrs (_: service: service.balanced) cfg.services;
in
{
  config = lib.mkIf (balanced != { }) {
    services.ai-stack.ports = lib.mapAttrs' (
      name: service: lib.nameValuePair "services.${name}.balancerPort" [ service.balancerPort ]
    ) balanced;

    services.nginx = {
      enable = true;
      upstreams = lib.mapAttrs' common.nginxUpstream balanced;
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
              proxy_next_upstream_tries 2;
              client_max_body_size 64m;
            '';
          };
        }
      ) balanced;
    };
  };
}
