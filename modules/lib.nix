# Pure helpers of the framework modules.
{ lib }:
let
  unitFactors = {
    "" = 1;
    K = 1024;
    M = 1024 * 1024;
    G = 1024 * 1024 * 1024;
    T = 1024 * 1024 * 1024 * 1024;
  };

  ipv4 = "[0-9]{1,3}(\\.[0-9]{1,3}){3}";
  # A colon tells an IPv6 address from a name made of hexadecimal digits.
  ipv6 = "[0-9a-fA-F]*:[0-9a-fA-F:.]*";
in
rec {
  types = {
    # systemd.resource-control(5), MemoryMax=: base 1024 suffixes; percentages are left out, since a budget must be summed.
    size = lib.types.strMatching "[1-9][0-9]*[KMGT]?";

    # systemd.time(7), the part of it that an operator needs here.
    timeSpan = lib.types.strMatching "[1-9][0-9]*(ms|s|min|h|d|w)";

    routePrefix = lib.types.strMatching "/([A-Za-z0-9._-]+/)+";

    # A secret: a path that is neither a path literal (which would be copied) nor below the store.
    secretFile = lib.types.externalPath // {
      description = "absolute path of a file outside the Nix store, as a string";
    };
  };

  # "3G" -> 3221225472
  toBytes =
    size:
    let
      parts = builtins.match "([0-9]+)([KMGT]?)" size;
    in
    lib.toInt (builtins.elemAt parts 0) * unitFactors.${builtins.elemAt parts 1};

  # "https://[::1]:6333/x" -> "::1"; a bare host stays what it is.
  hostOf =
    url:
    let
      authority = lib.head (lib.splitString "/" (lib.last (lib.splitString "://" url)));
      bracketed = builtins.match "\\[(.*)](:[0-9]+)?" authority;
      named = builtins.match "([^:]*)(:[0-9]+)?" authority;
    in
    if bracketed != null then
      builtins.head bracketed
    else if named != null then
      builtins.head named
    else
      authority;

  # "http://10.0.0.2:8081/" -> "10.0.0.2:8081", as nginx and Prometheus want it
  authorityOf =
    url:
    let
      authority = lib.head (lib.splitString "/" (lib.last (lib.splitString "://" url)));
      hasPort = builtins.match ".*:[0-9]+" authority != null;
    in
    if hasPort then authority else authority + (if lib.hasPrefix "https://" url then ":443" else ":80");

  # The authority of an address and a port: IPv6 needs brackets (RFC 3986 section 3.2.2).
  joinHostPort =
    host: port:
    if lib.hasInfix ":" host then "[${host}]:${toString port}" else "${host}:${toString port}";

  isAddress = host: builtins.match ipv4 host != null || builtins.match ipv6 host != null;

  isLoopback = host: host == "localhost" || host == "::1" || builtins.match "127\\..*" host != null;

  # What connecting to `host` asks of systemd's address filter, which knows addresses only.
  reach = host: {
    addresses = lib.optional (isAddress host && !isLoopback host) host;
    needsNames = !isAddress host && !isLoopback host && !lib.hasPrefix "/" host;
  };

  # When nginx turns to another endpoint of a service: after a request was sent, only where it may be sent twice.
  nextEndpoint = service: ''
    proxy_next_upstream_tries 2;
    ${lib.optionalString service.repeatable "proxy_next_upstream error timeout http_503 non_idempotent;"}
  '';

  state = "/var/lib/ai-stack";

  # Of a service: NixOS allows names of groups 31 characters, and "ai-stack-" is nine of them.
  longestName = 22;

  # Where a secret lies: in the file given, or where it is generated.
  secretPath = name: file: if file != null then file else "${state}/secrets/${name}";

  enabled = services: lib.filterAttrs (_: service: service.enable) services;

  # Whether anything of the stack runs on this machine.
  active = cfg: cfg.enable || enabled cfg.services != { };
}
