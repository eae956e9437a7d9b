# embeddings: turns text into vectors, and is the only one that does.
{ config, lib, ... }:
let
  inherit (config.services.ai-stack) packages;
  self = config.services.ai-stack.services.embeddings;
in
{
  services.ai-stack.services.embeddings = {
    package = lib.mkDefault packages.ai-stack;
    executable = "ai-stack-embeddings";
    port = lib.mkDefault 8081;
    route = lib.mkDefault "/embeddings/";
    maxBodySize = lib.mkDefault "2m";

    settings = {
      model_dir = lib.mkDefault "${packages.ai-stack-model}";
      # Made from the weights ahead; for another model the service makes it in its cache directory.
      cache_dir = lib.mkIf (self.settings.model_dir == "${packages.ai-stack-model}") (
        lib.mkDefault "${packages.ai-stack-model-onnx}"
      );
    };

    hardening = [
      "jit"
      "cpu-info"
      "cpu-affinity"
    ];
    memoryMax = lib.mkDefault "2G";
    # a thread pool as wide as the machine
    tasksMax = lib.mkDefault 1024;
    startTimeout = lib.mkDefault "5min";
  };
}
