{
  lib,
  buildPythonApplication,
  ai-stack,
  hatchling,
  pytestCheckHook,
}:

buildPythonApplication {
  pname = "translator";
  version = "0.1.0";
  pyproject = true;

  src = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.unions [
      ./pyproject.toml
      ./tests
      ./translator.py
    ];
  };

  build-system = [ hatchling ];
  dependencies = [ ai-stack ];
  nativeCheckInputs = [ pytestCheckHook ];

  meta = {
    description = "Translates words";
    mainProgram = "translator";
  };
}
