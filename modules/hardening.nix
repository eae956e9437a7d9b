# The sandbox of every service: one baseline, and relaxations by name, each with its reason.
# Directives: systemd.exec(5), systemd.resource-control(5).
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };

  systemCalls = [
    "@system-service"
    "~@privileged @resources"
  ];

  baseline = {
    AmbientCapabilities = "";
    CapabilityBoundingSet = "";
    DevicePolicy = "closed";
    IPAddressAllow = [ "localhost" ];
    IPAddressDeny = "any";
    KeyringMode = "private";
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateIPC = true;
    PrivateMounts = true;
    PrivateTmp = true;
    # Group permissions on sockets and key files still hold: the kernel compares its own ids, not the mapped ones.
    PrivateUsers = true;
    ProcSubset = "pid";
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProtectSystem = "strict";
    RemoveIPC = true;
    RestrictAddressFamilies = [
      # readiness notification, journal, sockets of the stores
      "AF_UNIX"
      "AF_INET"
      "AF_INET6"
    ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    SystemCallErrorNumber = "EPERM";
    SystemCallFilter = systemCalls;
    UMask = "0077";
  };

  relaxations = {
    jit = {
      reason = "just-in-time compilers write code and then run it (oneDNN in torch, executable stacks in onnxruntime); the W^X filter kills them";
      directives.MemoryDenyWriteExecute = false;
    };
    cpu-info = {
      reason = "numeric libraries read /proc/cpuinfo and /proc/meminfo to choose kernels and thread counts; processes of others stay invisible";
      directives.ProcSubset = "all";
    };
    cpu-affinity = {
      reason = "thread pools of numeric libraries pin threads to cores with sched_setaffinity(2), which is in @resources";
      directives.SystemCallFilter = [
        "@system-service"
        "~@privileged"
      ];
    };
    gpu = {
      reason = "compute drivers are reached through their device nodes; these nodes only";
      directives = {
        PrivateDevices = false;
        DeviceAllow = [
          "char-nvidia rw"
          "char-nvidia-uvm rw"
          "char-nvidia-caps r"
          "char-drm rw"
          "char-kfd rw"
        ];
        # who may open the nodes of AMD and Intel
        SupplementaryGroups = [
          "render"
          "video"
        ];
      };
    };
    outbound = {
      reason = "a peer is known by name, or is anywhere: the address filter takes addresses only";
      directives.IPAddressDeny = "";
    };
    inbound = {
      reason = "the service listens beyond this machine and its clients are not listed in allowedAddresses; the firewall still decides";
      directives.IPAddressDeny = "";
    };
    netlink = {
      reason = "getifaddrs(3), used by c-ares resolvers and cluster transports, asks the kernel over AF_NETLINK";
      directives.RestrictAddressFamilies = [
        "AF_UNIX"
        "AF_INET"
        "AF_INET6"
        "AF_NETLINK"
      ];
    };
  };

  relaxationList = lib.concatStringsSep "\n" (
    lib.mapAttrsToList (name: relaxation: "- `${name}`: ${relaxation.reason}.") relaxations
  );

  # Relaxations compose by taking, per directive, the one named last; addresses only ever add up.
  sandbox =
    service:
    lib.foldl' (result: name: result // relaxations.${name}.directives) (
      baseline
      // {
        IPAddressAllow =
          baseline.IPAddressAllow
          ++ service.allowedAddresses
          ++ lib.concatMap (host: (common.reach host).addresses) service.peers;
      }
    ) service.relaxations;
  # For the short-lived units that run as root: no network at all, no other way to privileges.
  rootSandbox = removeAttrs baseline [ "IPAddressAllow" ] // {
    PrivateNetwork = true;
    PrivateUsers = false;
    RestrictAddressFamilies = [ "AF_UNIX" ];
  };
in
{
  options.services.ai-stack = {
    services = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { config, ... }:
          {
            options = {
              hardening = lib.mkOption {
                type = lib.types.listOf (lib.types.enum (lib.attrNames relaxations));
                default = [ ];
                example = [
                  "jit"
                  "cpu-info"
                ];
                description = ''
                  Named relaxations of the sandbox. Everything that is not named stays closed.

                  ${relaxationList}
                '';
              };
              allowedAddresses = lib.mkOption {
                type = lib.types.listOf lib.types.str;
                default = [ ];
                example = [ "10.0.0.0/24" ];
                description = ''
                  Addresses or networks that the service may exchange packets with, besides this machine. Addresses of
                  stores and of services named in `after` or `requires` are added by themselves.
                '';
              };
              peers = lib.mkOption {
                type = lib.types.listOf lib.types.str;
                internal = true;
                description = "Hosts that the service talks to: addresses, names, or paths of sockets.";
              };
              relaxations = lib.mkOption {
                type = lib.types.listOf lib.types.str;
                readOnly = true;
                internal = true;
                description = "Relaxations in effect: those named, and those that follow from where the peers are.";
              };
              sandbox = lib.mkOption {
                type = lib.types.attrsOf lib.types.anything;
                readOnly = true;
                internal = true;
                description = "Effective directives: the baseline with this service's relaxations.";
              };
            };
            config = {
              peers = lib.concatMap (peer: [ (common.hostOf cfg.services.${peer}.url or "127.0.0.1") ]) (
                config.after ++ config.requires
              );
              relaxations = lib.unique (
                config.hardening
                ++ lib.optional (lib.any (host: (common.reach host).needsNames) config.peers) "outbound"
                ++ lib.optional (
                  !common.isLoopback config.listenAddress && config.allowedAddresses == [ ]
                ) "inbound"
              );
              sandbox = sandbox config;
            };
          }
        )
      );
    };
    rootSandbox = lib.mkOption {
      type = lib.types.attrsOf lib.types.anything;
      default = rootSandbox;
      readOnly = true;
      internal = true;
      description = "Directives for helper units that run as root.";
    };
    storeSandbox = lib.mkOption {
      type = lib.types.raw;
      default = except: lib.mapAttrs (_: lib.mkDefault) (removeAttrs baseline except);
      readOnly = true;
      internal = true;
      description = "Directives for units of nixpkgs, where their own module says nothing; takes those to leave out.";
    };
    relaxations = lib.mkOption {
      type = lib.types.attrsOf lib.types.anything;
      default = relaxations;
      readOnly = true;
      internal = true;
      description = "The named relaxations with reason and directives, for the documentation.";
    };
  };

  config.systemd.services = lib.mkMerge (
    lib.mapAttrsToList (_: service: {
      ${service.unit}.serviceConfig = service.sandbox;
    }) (common.enabled cfg.services)
  );
}
