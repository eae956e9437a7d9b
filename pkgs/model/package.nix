# The embedding model as its authors publish it: weights, tokenizer and configuration, by content hash.
{
  lib,
  fetchurl,
  linkFarm,
}:
let
  repository = "sentence-transformers/all-MiniLM-L6-v2";
  revision = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41";

  files = {
    "1_Pooling/config.json" = "sha256-S+RQ3eOwJzu5eHY3z70o/gSnumq502rEjpKxHjUP/CM=";
    "config.json" = "sha256-lT+cDUY0hrEKaHHML9WfIjsscBhPSYFefvvKtdiQi0E=";
    "model.safetensors" = "sha256-U6pRFy0ULInZASzOFa5NbMDKaJWJURQ3nKy0+rEo2ds=";
    "modules.json" = "sha256-hOQMjgBsmx1sEi4Cy6mwJFgSC1+wyHt0bEHgIHz2Qs8=";
    "sentence_bert_config.json" = "sha256-/BmT/eCpXCTsbAIlOdQc9uL3yXIeVBXW+2iXRyqc1Lc=";
    "special_tokens_map.json" = "sha256-MD30WgNgnk6tBLw9wVNtCrGbU1jbaFtvPaEj0F7CAOM=";
    "tokenizer.json" = "sha256-vlDDYo8r9bteOn8XsfdGEbJWGjon7qsF5aow9BFXIDc=";
    "tokenizer_config.json" = "sha256-rLknaegZWqvSm3shN6nm1uJcR2pPFapDVcIzQmxhV2s=";
  };
in
(linkFarm "all-MiniLM-L6-v2" (
  lib.mapAttrsToList (name: hash: {
    inherit name;
    path = fetchurl {
      url = "https://huggingface.co/${repository}/resolve/${revision}/${name}";
      inherit hash;
    };
  }) files
)).overrideAttrs
  (previous: {
    passthru = (previous.passthru or { }) // {
      modelName = repository;
      inherit revision;
    };
    meta = {
      description = "Sentence embeddings of 384 dimensions, for English";
      homepage = "https://huggingface.co/${repository}";
      license = lib.licenses.asl20;
      platforms = lib.platforms.all;
    };
  })
