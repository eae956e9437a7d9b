# hybrid-coordinator: finds what belongs to a question and writes the prompt with it.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
in
{
  services.ai-stack.services.hybrid-coordinator = {
    package = lib.mkDefault cfg.packages.ai-stack;
    executable = "ai-stack-hybrid-coordinator";
    port = lib.mkDefault 8092;
    route = lib.mkDefault "/hybrid/";

    settings = {
      embeddings_url = cfg.services.embeddings.url;
      aidb_url = cfg.services.aidb.url;
      nixos_docs_url = cfg.services.nixos-docs.url;
      qdrant_url = cfg.qdrant.address;
      tokenizer_file = lib.mkDefault "${cfg.packages.ai-stack-model}/tokenizer.json";
    };

    after = [
      "embeddings"
      "aidb"
      "nixos-docs"
    ];
    qdrant.enable = true;

    memoryMax = lib.mkDefault "768M";
  };
}
