# embeddings: turns text into vectors, and is the only one that does.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  inherit (cfg) packages;
  shipped = "${packages.ai-stack-model}";
  needsTorch = lib.hasPrefix "torch" cfg.embeddingEngine;
in
{
  options.services.ai-stack.embeddingModel = lib.mkOption {
    type = lib.types.str;
    default = shipped;
    defaultText = lib.literalMD "all-MiniLM-L6-v2";
    example = lib.literalExpression ''"''${pkgs.my-model}"'';
    description = "Directory of a BERT model as sentence-transformers saves it. Another model makes other vectors: stored ones must be made anew.";
  };

  options.services.ai-stack.embeddingEngine = lib.mkOption {
    type = lib.types.enum [
      "onnx"
      "int8"
      "torch"
      "torch-bf16"
    ];
    default = "onnx";
    description = ''
      How vectors are computed. After a change between engines with other vectors, stored ones must be made anew.

      - `onnx`: as the model was trained, on the processor.
      - `int8`: with integers in the linear layers: about twice as fast on processors with VNNI, slightly other vectors.
      - `torch`: the vectors of `onnx`, by transformers on PyTorch, which becomes part of the package. On a GPU where
        PyTorch finds one: `nixpkgs.config.cudaSupport = true;` and
        `services.ai-stack.services.embeddings.hardening = [ "gpu" ];`. On a processor it is slower than `onnx`.
      - `torch-bf16`: the same in bfloat16, slightly other vectors. The service starts only where the hardware has
        instructions for it.
    '';
  };

  config.services.ai-stack.services.embeddings = {
    package = lib.mkDefault (
      if needsTorch then packages.ai-stack.override { withTorch = true; } else packages.ai-stack
    );
    executable = "ai-stack-embeddings";
    port = lib.mkDefault 8081;
    route = lib.mkDefault "/embeddings/";
    maxBodySize = lib.mkDefault "2m";
    repeatable = lib.mkDefault true;

    settings = {
      model_dir = cfg.embeddingModel;
      engine = cfg.embeddingEngine;
      # Made from the weights ahead; otherwise the service makes it in its cache directory.
      cache_dir = lib.mkIf (
        cfg.embeddingModel == shipped && cfg.embeddingEngine == "onnx"
      ) "${packages.ai-stack-model-onnx}";
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
