# embeddings: turns text into vectors, and is the only one that does.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  inherit (cfg) packages;
  shipped = "${packages.ai-stack-model}";
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
    ];
    default = "onnx";
    description = "How vectors are computed: `onnx` as the model was trained, `int8` with integers in the linear layers: about twice as fast on processors with VNNI, and slightly other vectors. After a change, stored vectors must be made anew.";
  };

  config.services.ai-stack.services.embeddings = {
    package = lib.mkDefault packages.ai-stack;
    executable = "ai-stack-embeddings";
    port = lib.mkDefault 8081;
    route = lib.mkDefault "/embeddings/";
    maxBodySize = lib.mkDefault "2m";

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
