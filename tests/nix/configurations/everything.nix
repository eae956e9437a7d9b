# What can be turned on, turned on.
{ pkgs, ... }:
{
  imports = [ ../../../modules ];
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    openFirewall = true;
    memoryBudget = "32G";
    logs.enable = true;
    tls = {
      mode = "acme";
      email = "ops@example.org";
    };
    services = {
      embeddings = {
        instances = 2;
        cpuQuota = "300%";
      };
      translator = {
        package = pkgs.hello;
        port = 8100;
        route = "/translator/";
        after = [ "embeddings" ];
        credentials.licence = "/run/secrets/translator-licence";
      };
      legacy = {
        package = pkgs.hello;
        port = 8110;
        route = "/legacy/";
        runtime = "other";
      };
    };
  };
}
