# The gateway: nginx ends TLS, routes by prefix, limits clients, and stands in for a service that is down.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  gateway = cfg.gateway;
  common = import ./lib.nix { inherit lib; };
  # Also services that run elsewhere only.
  reachable = lib.filterAttrs (_: service: service.endpoints != [ ]) cfg.services;
  routed = lib.filterAttrs (_: service: service.route != null) reachable;

  securityHeaders = pkgs.writeText "ai-stack-security-headers.conf" ''
    add_header Strict-Transport-Security "max-age=31536000" always;
    add_header X-Content-Type-Options nosniff always;
    add_header X-Frame-Options DENY always;
    add_header Referrer-Policy no-referrer always;
    add_header X-Request-ID $ai_stack_request_id always;
  '';

  proxyHeaders = pkgs.writeText "ai-stack-proxy.conf" ''
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr;
    # replaced, not appended to: what a client claims about itself is not passed on
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Request-ID $ai_stack_request_id;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $ai_stack_connection;
    proxy_hide_header X-Request-ID;
    # answers may be streams of events
    proxy_buffering off;
    proxy_connect_timeout 3s;
    proxy_read_timeout 300s;
    proxy_send_timeout 60s;
  '';

  errorPages = ''
    error_page 404 @ai_stack_unknown;
    error_page 413 @ai_stack_too_large;
    error_page 429 @ai_stack_too_many;
    error_page 500 502 503 =503 @ai_stack_down;
    error_page 504 @ai_stack_slow;
  '';

  # To the journal, in the form of the services' own lines. No query string: it may hold what a person asked.
  accessLog = "access_log syslog:server=unix:/dev/log,nohostname,tag=ai_stack_gateway ai_stack;";

  # The same envelope as the services' own errors.
  failure = status: text: more: ''
    internal;
    default_type application/json;
    include ${securityHeaders};
    ${more}
    return ${toString status} '{"error":"${text}","error_id":"$ai_stack_request_id"}';
  '';

  proxied =
    {
      target,
      zone,
      maxBodySize,
      more ? "",
    }:
    {
      proxyPass = target;
      recommendedProxySettings = false;
      extraConfig = ''
        include ${proxyHeaders};
        client_max_body_size ${maxBodySize};
        limit_req zone=ai_stack_${zone} burst=${toString gateway.rateLimits.${zone}.burst} nodelay;
        ${more}
      '';
    };

  serviceLocations =
    name: service:
    let
      location =
        zone: path:
        lib.nameValuePair "${service.route}${lib.removePrefix "/" path}" (proxied {
          inherit zone;
          inherit (service) maxBodySize;
          target = "http://ai-stack-${name}${path}";
          more = ''
            proxy_set_header X-Forwarded-Prefix ${lib.removeSuffix "/" service.route};
            ${common.nextEndpoint service}
          '';
        });
    in
    lib.listToAttrs ([ (location "interactive" "/") ] ++ map (location "ingest") service.ingestPaths)
    // {
      # Measurements are for Prometheus, which asks the service itself.
      "^~ ${service.route}${lib.removePrefix "/" service.metrics.path}".return = "404";
    };

  extraLocation =
    name: route:
    {
      ${route.prefix} = proxied {
        inherit (route) target;
        zone = "interactive";
        maxBodySize = "10m";
        more = lib.optionalString (route.authUrl != null) ''
          auth_request /.internal/auth/${name};
          ${errorPages}
          error_page 401 403 =401 @ai_stack_login;
        '';
      };
    }
    // lib.optionalAttrs (route.authUrl != null) {
      "= /.internal/auth/${name}" = {
        proxyPass = route.authUrl;
        recommendedProxySettings = false;
        extraConfig = ''
          internal;
          proxy_pass_request_body off;
          proxy_set_header Content-Length "";
          proxy_set_header Host $http_host;
        '';
      };
    };
in
{
  imports = [ ./gateway-options.nix ];

  config = lib.mkIf gateway.enable {
    services.ai-stack.ports.gateway = [
      gateway.httpPort
      gateway.httpsPort
    ];
    services.ai-stack.memory."nginx.service" = gateway.memoryMax;
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [
      gateway.httpPort
      gateway.httpsPort
    ];

    services.nginx = {
      enable = true;
      recommendedTlsSettings = true;
      recommendedOptimisation = true;
      serverTokens = false;
      commonHttpConfig = ''
        map $http_x_request_id $ai_stack_request_id {
          default $request_id;
          "~^[A-Za-z0-9._-]{8,128}$" $http_x_request_id;
        }
        map $http_upgrade $ai_stack_connection {
          default upgrade;
          "" "";
        }
        log_format ai_stack escape=json '{"timestamp":"$time_iso8601","event":"gateway.request","service":"gateway",'
          '"request_id":"$ai_stack_request_id","traceparent":"$http_traceparent","remote":"$remote_addr",'
          '"method":"$request_method","path":"$uri","status":$status,"bytes":$bytes_sent,"seconds":$request_time,'
          '"upstream":"$upstream_addr","upstream_seconds":"$upstream_response_time"}';
        limit_req_zone $binary_remote_addr zone=ai_stack_interactive:10m rate=${toString gateway.rateLimits.interactive.perSecond}r/s;
        limit_req_zone $binary_remote_addr zone=ai_stack_ingest:10m rate=${toString gateway.rateLimits.ingest.perSecond}r/s;
        limit_conn_zone $binary_remote_addr zone=ai_stack_connections:10m;
      '';

      virtualHosts = {
        ai-stack = {
          serverName = cfg.domain;
          default = true;
          onlySSL = true;
          listen = map (addr: {
            inherit addr;
            port = gateway.httpsPort;
            ssl = true;
          }) gateway.listenAddresses;
          extraConfig = ''
            ${accessLog}
            include ${securityHeaders};
            client_header_timeout 15s;
            client_body_timeout 30s;
            limit_conn ai_stack_connections ${toString gateway.maxConnectionsPerClient};
            limit_conn_status 429;
            limit_req_status 429;
            ${errorPages}
          '';
          # Without a conflict when two claim one path: gateway-options.nix says so in terms of the stack.
          locations = lib.mergeAttrsList (
            [
              {
                "/".return = "404";
                "@ai_stack_unknown".extraConfig = failure 404 "not found" "";
                "@ai_stack_login".extraConfig =
                  failure 401 "log in"
                    "add_header WWW-Authenticate 'Basic realm=\"${cfg.domain}\"' always;";
                "@ai_stack_too_large".extraConfig = failure 413 "request body too large" "";
                "@ai_stack_too_many".extraConfig =
                  failure 429 "too many requests"
                    "add_header Retry-After 1 always;";
                "@ai_stack_down".extraConfig = failure 503 "service unavailable" "add_header Retry-After 5 always;";
                "@ai_stack_slow".extraConfig = failure 504 "the service did not answer in time" "";
              }
            ]
            ++ lib.optional (gateway.landing != null) { "= /".return = "302 ${gateway.landing}"; }
            ++ lib.mapAttrsToList serviceLocations routed
            ++ lib.mapAttrsToList extraLocation gateway.routes
          );
        };
        ai-stack-redirect = {
          serverName = cfg.domain;
          default = true;
          listen = map (addr: {
            inherit addr;
            port = gateway.httpPort;
          }) gateway.listenAddresses;
          extraConfig = accessLog;
          locations."/".return = "301 https://$host${
            lib.optionalString (gateway.httpsPort != 443) ":${toString gateway.httpsPort}"
          }$request_uri";
        };
      };
    };
    systemd.services.nginx.serviceConfig = {
      MemoryMax = gateway.memoryMax;
      DevicePolicy = lib.mkDefault "closed";
      KeyringMode = lib.mkDefault "private";
      PrivateIPC = lib.mkDefault true;
      SystemCallErrorNumber = lib.mkDefault "EPERM";
      # added to what nixpkgs denies
      SystemCallFilter = [ "~@resources" ];
    };
  };
}
