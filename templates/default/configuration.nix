{
  imports = [ ./hardware-configuration.nix ];

  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    openFirewall = true;
  };

  networking.hostName = "machine";
  # The release that this machine was first installed with; it stays as it is.
  system.stateVersion = "26.05";
}
