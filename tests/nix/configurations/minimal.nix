# The smallest useful one.
{
  imports = [ ../../../modules ];
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    openFirewall = true;
  };
}
