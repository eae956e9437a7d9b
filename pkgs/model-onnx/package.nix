# The ONNX file of the model, so that the service needs neither a writable cache nor its first minute to make it.
# The service finds it in its `cache_dir` by a name that carries the hashes of all that determines the content.
{
  lib,
  ai-stack-model,
  buildPackages,
  runCommand,
}:

runCommand "all-MiniLM-L6-v2-onnx"
  {
    nativeBuildInputs = [ (buildPackages.python3.withPackages (packages: [ packages.ai-stack ])) ];

    meta = {
      description = "ONNX file of the embedding model";
      inherit (ai-stack-model.meta) homepage license platforms;
    };
  }
  ''
    python3 ${./export.py} ${ai-stack-model} ${lib.escapeShellArg ai-stack-model.modelName} "$out"
  ''
