# sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0): 384 dimensions, mean pooling, unit length.
{
  lib,
  fetchurl,
  linkFarm,
}:
let
  repository = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2";
  revision = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41";
  hashes = {
    "model.safetensors" = "sha256-U6pRFy0ULInZASzOFa5NbMDKaJWJURQ3nKy0+rEo2ds=";
    "tokenizer.json" = "sha256-vlDDYo8r9bteOn8XsfdGEbJWGjon7qsF5aow9BFXIDc=";
    "tokenizer_config.json" = "sha256-rLknaegZWqvSm3shN6nm1uJcR2pPFapDVcIzQmxhV2s=";
    "special_tokens_map.json" = "sha256-MD30WgNgnk6tBLw9wVNtCrGbU1jbaFtvPaEj0F7CAOM=";
    "vocab.txt" = "sha256-B+ztN1zsFE0nyQAkHz4zlHjeyVj5L928VR8pXJkgOKM=";
    "config.json" = "sha256-lT+cDUY0hrEKaHHML9WfIjsscBhPSYFefvvKtdiQi0E=";
    "modules.json" = "sha256-hOQMjgBsmx1sEi4Cy6mwJFgSC1+wyHt0bEHgIHz2Qs8=";
    "sentence_bert_config.json" = "sha256-/BmT/eCpXCTsbAIlOdQc9uL3yXIeVBXW+2iXRyqc1Lc=";
    "config_sentence_transformers.json" = "sha256-Bhyp05Zh1sbW3luif3mhzVdw6iR/jUZBKmikmNxayfM=";
    "1_Pooling/config.json" = "sha256-S+RQ3eOwJzu5eHY3z70o/gSnumq502rEjpKxHjUP/CM=";
  };
in
linkFarm "all-MiniLM-L6-v2" (
  lib.mapAttrs (
    file: hash:
    fetchurl {
      name = lib.replaceStrings [ "/" ] [ "-" ] file;
      url = "${repository}/resolve/${revision}/${file}";
      inherit hash;
    }
  ) hashes
)
