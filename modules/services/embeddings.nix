# embeddings: turns text into vectors, and is the only one that does.
{ config, lib, ... }:
let
  inherit (config.services.ai-stack) packages;
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
