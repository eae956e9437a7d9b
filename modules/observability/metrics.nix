# What a service says about its measurements; prometheus.nix scrapes them.
{ lib, ... }:
{
  options.services.ai-stack.services = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.submodule (
        { config, ... }:
        {
          options.metrics = {
            enable = lib.mkOption {
              type = lib.types.bool;
              default = config.runtime == "ai-stack";
              defaultText = lib.literalMD "whether the service uses the runtime";
              description = "Whether the service answers with measurements in Prometheus's text format.";
            };
            path = lib.mkOption {
              type = lib.types.strMatching "/[A-Za-z0-9._/-]+";
              default = "/metrics";
              description = "Path of the measurements. The gateway does not let it through.";
            };
          };
        }
      )
    );
  };
}
