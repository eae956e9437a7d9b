# The stack as a person would install it, on a machine that is large enough.
{
  imports = [
    ../../modules
    ./machine.nix
  ];

  virtualisation = {
    cores = 2;
    memorySize = 6144;
    diskSize = 8192;
  };

  services.ai-stack = {
    enable = true;
    domain = "server";
    openFirewall = true;
    # the whole manual is a story of nixos-docs, not of the machines
    services.nixos-docs.settings.docs = "${./documentation}";
    # these have the story `dashboards`
    grafana.enable = false;
    tracing.enable = false;
  };
}
