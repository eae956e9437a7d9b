# What would only fail on the running machine stops evaluation instead, with the remedy.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  services = common.enabled cfg.services;
  each = check: lib.concatLists (lib.mapAttrsToList check services);

  # [ { name; value; } ] -> { value = [ names ]; } for the values that more than one name claims
  claimedTwice =
    pairs:
    lib.filterAttrs (_: owners: lib.length owners > 1) (
      lib.groupBy' (owners: pair: owners ++ [ pair.name ]) [ ] (pair: pair.value) pairs
    );

  portCollisions =
    lib.mapAttrsToList
      (port: owners: {
        assertion = false;
        message = "services.ai-stack: port ${port} is taken by ${lib.concatStringsSep " and by " owners}. Give one of them another port.";
      })
      (
        claimedTwice (
          lib.concatLists (
            lib.mapAttrsToList (
              owner: ports: map (port: lib.nameValuePair owner (toString port)) ports
            ) cfg.ports
          )
        )
      );

  dependencies = each (
    name: service:
    map (peer: {
      assertion = cfg.services ? ${peer} && cfg.services.${peer}.endpoints != [ ];
      message = "services.ai-stack.services.${name} depends on ${peer}, which is not enabled. Set services.ai-stack.services.${peer}.enable = true, or its endpoints when it runs on another machine.";
    }) (service.after ++ service.requires)
    ++ map (peer: {
      assertion = services ? ${peer};
      message = "services.ai-stack.services.${name} requires ${peer} on this machine, where it is not enabled. Enable it, or name it in `after` instead.";
    }) service.requires
  );

  order = lib.toposort (
    one: other: lib.elem one (services.${other}.after ++ services.${other}.requires)
  ) (lib.attrNames services);
  circles =
    lib.optional (order ? cycle) (order.cycle ++ [ (lib.head order.cycle) ])
    ++
      map
        (name: [
          name
          name
        ])
        (
          lib.filter (name: lib.elem name (services.${name}.after ++ services.${name}.requires)) (
            lib.attrNames services
          )
        );
  unordered = map (circle: {
    assertion = false;
    message = "services.ai-stack: ${lib.concatStringsSep ", then " circle} wait for each other to start. Take one of them out of the `after` or `requires` of the next.";
  }) circles;

  unreachable = each (
    name: service:
    lib.optional (service.runtime == "ai-stack") {
      assertion = service.settings.unix_socket or null == null;
      message = "services.ai-stack.services.${name}.settings.unix_socket: the gateway, the other services and Prometheus look for it at ${service.listenAddress}, port ${toString service.port}. Leave unix_socket out.";
    }
  );

  # Both are readable by everybody, so a value there cannot be taken back.
  isSecret =
    key: builtins.match "(.*_)?(password|api_key|secret|token|private_key)" (lib.toLower key) != null;
  exposed = each (
    name: service:
    map (key: {
      assertion = !(isSecret key && lib.isString service.settings.${key});
      message = "services.ai-stack.services.${name}.settings.${key} would put a secret into the store. Give a file in services.ai-stack.services.${name}.credentials.${key} instead.";
    }) (lib.attrNames service.settings)
    ++ map (key: {
      assertion = !isSecret key;
      message = "services.ai-stack.services.${name}.environment.${key} would show a secret to everybody. Give a file in services.ai-stack.services.${name}.credentials instead.";
    }) (lib.attrNames service.environment)
  );

  total = lib.foldl' (sum: size: sum + common.toBytes size) 0 (lib.attrValues cfg.memory);
  mebibytes = bytes: "${toString (bytes / 1024 / 1024)}M";
  budget = lib.optional (cfg.memoryBudget != null) {
    assertion = total <= common.toBytes cfg.memoryBudget;
    message = ''
      services.ai-stack.memoryBudget is ${cfg.memoryBudget}, but the limits add up to ${mebibytes total}:
      ${lib.concatStringsSep "\n" (lib.mapAttrsToList (unit: size: "  ${unit}: ${size}") cfg.memory)}
      Lower some memoryMax or raise the budget.'';
  };
in
{
  config.assertions = portCollisions ++ dependencies ++ unordered ++ unreachable ++ exposed ++ budget;
}
