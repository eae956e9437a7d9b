# Options of the gateway, and of a service's place behind it.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };

  rateLimit =
    { perSecond, burst }:
    {
      perSecond = lib.mkOption {
        type = lib.types.ints.positive;
        default = perSecond;
        description = "Requests that one client address may send per second.";
      };
      burst = lib.mkOption {
        type = lib.types.ints.unsigned;
        default = burst;
        description = "Requests that may come at once beyond that.";
      };
    };

  extraRoute = {
    options = {
      prefix = lib.mkOption {
        type = common.types.routePrefix;
        description = "Path prefix.";
      };
      target = lib.mkOption {
        type = lib.types.str;
        description = "URL that it goes to.";
      };
      authUrl = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        description = ''
          For what has no log-in of its own: a URL that is asked with the client's cookies and credentials. The request
          goes on when it answers 2xx; otherwise the client is asked for a name and a password.
        '';
      };
    };
  };

  routed = lib.filterAttrs (_: s: s.endpoints != [ ] && s.route != null) cfg.services;
  routes =
    lib.mapAttrsToList (name: service: lib.nameValuePair "services.${name}" service.route) routed
    ++ lib.concatLists (
      lib.mapAttrsToList (
        name: service:
        map (
          path:
          lib.nameValuePair "services.${name}.ingestPaths" "${service.route}${lib.removePrefix "/" path}"
        ) service.ingestPaths
      ) routed
    )
    ++ lib.mapAttrsToList (name: route: lib.nameValuePair name route.prefix) cfg.gateway.routes;
in
{
  options.services.ai-stack = {
    gateway = {
      enable = lib.mkOption {
        type = lib.types.bool;
        default = cfg.enable;
        defaultText = lib.literalExpression "config.services.ai-stack.enable";
        description = "Whether to run the gateway on this machine.";
      };
      listenAddresses = lib.mkOption {
        type = lib.types.listOf lib.types.str;
        default = [ "0.0.0.0" ] ++ lib.optional config.networking.enableIPv6 "[::]";
        defaultText = lib.literalMD "all addresses of the machine";
        example = [ "10.0.0.1" ];
        description = "Addresses to listen on; IPv6 in brackets.";
      };
      httpsPort = lib.mkOption {
        type = lib.types.port;
        default = if cfg.tls.mode == "acme" then 443 else 8443;
        defaultText = lib.literalMD "8443; 443 with ACME";
        description = "Port for HTTPS.";
      };
      httpPort = lib.mkOption {
        type = lib.types.port;
        default = if cfg.tls.mode == "acme" then 80 else 8088;
        defaultText = lib.literalMD "8088; 80 with ACME";
        description = "Port that sends clients to HTTPS.";
      };
      rateLimits = {
        interactive = rateLimit {
          perSecond = 50;
          burst = 200;
        };
        ingest = rateLimit {
          perSecond = 200;
          burst = 1000;
        };
      };
      landing = lib.mkOption {
        type = lib.types.nullOr common.types.routePrefix;
        default = null;
        example = "/grafana/";
        description = "Where `/` leads to. Null: nowhere, it is unknown.";
      };
      maxConnectionsPerClient = lib.mkOption {
        type = lib.types.ints.positive;
        default = 128;
        description = "Connections (HTTP/2: requests at a time) that one client address may hold.";
      };
      memoryMax = lib.mkOption {
        type = common.types.size;
        default = "256M";
        description = "Memory of nginx.";
      };
      routes = lib.mkOption {
        type = lib.types.attrsOf (lib.types.submodule extraRoute);
        default = { };
        internal = true;
        description = "Routes to what is not a service of the stack.";
      };
    };

    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { config, ... }:
          {
            options = {
              route = lib.mkOption {
                type = lib.types.nullOr common.types.routePrefix;
                default = null;
                example = "/translator/";
                description = "Path prefix at the gateway, which is taken off before the service sees the request. Null: not exposed.";
              };
              ingestPaths = lib.mkOption {
                type = lib.types.listOf (lib.types.strMatching "/[A-Za-z0-9._/-]*");
                default = [ ];
                example = [ "/documents" ];
                description = "Paths of the service for bulk loading; they have a rate limit of their own at the gateway.";
              };
              maxBodySize = lib.mkOption {
                type = lib.types.strMatching "[1-9][0-9]*[km]?";
                default = "1m";
                example = "64m";
                description = "Largest request body that the gateway lets through.";
              };
              balancerPort = lib.mkOption {
                type = lib.types.port;
                default = config.port + 10000;
                defaultText = lib.literalMD "`port` + 10000";
                description = "Loopback port where the other services find all `endpoints`, when there is more than one.";
              };
              repeatable = lib.mkOption {
                type = lib.types.bool;
                default = false;
                example = true;
                description = ''
                  Whether a request may be sent to another one of several `endpoints` when the first broke off or answered
                  503. Only where every route may be asked twice, such as computations that keep nothing: what the first
                  had already done is done again.
                '';
              };
              balanced = lib.mkOption {
                type = lib.types.bool;
                readOnly = true;
                internal = true;
                default = lib.length config.endpoints > 1;
                description = "Whether requests are spread over several endpoints.";
              };
              url = lib.mkOption {
                type = lib.types.str;
                readOnly = true;
                internal = true;
                default =
                  if config.balanced then
                    "http://127.0.0.1:${toString config.balancerPort}"
                  else if config.endpoints != [ ] then
                    lib.head config.endpoints
                  else
                    "http://127.0.0.1:${toString config.port}";
                description = "Where other services of the stack find this one.";
              };
            };
          }
        )
      );
    };
  };

  config.assertions =
    map
      (prefix: {
        assertion = false;
        message = "services.ai-stack: the route ${prefix} belongs to ${
          lib.concatMapStringsSep " and to " (pair: pair.name) (
            lib.filter (pair: pair.value == prefix) routes
          )
        }. Give one of them another route.";
      })
      (
        lib.attrNames (
          lib.filterAttrs (_: same: lib.length same > 1) (lib.groupBy (pair: pair.value) routes)
        )
      );
}
