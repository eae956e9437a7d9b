# The Python distribution: the service runtime, the services that stand on it, and the command line.
{ lib, python3Packages }:
let
  root = ../..;
  metadata = (lib.importTOML (root + "/python/pyproject.toml")).project;
in
python3Packages.buildPythonApplication {
  pname = metadata.name;
  inherit (metadata) version;
  pyproject = true;

  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/python/pyproject.toml")
      (root + "/python/src")
      (root + "/tests/conftest.py")
      (root + "/tests/support")
      (root + "/tests/unit")
      (root + "/pytest.ini")
    ];
  };
  postPatch = "cd python";

  build-system = [ python3Packages.hatchling ];

  dependencies = [
    python3Packages.aiohttp
    python3Packages.aiopg
    python3Packages.aioprometheus
    python3Packages.hiredis
    python3Packages.markdown-it-py
    python3Packages.numpy
    python3Packages.onnx
    python3Packages.onnxruntime
    python3Packages.opentelemetry-exporter-otlp-proto-grpc
    python3Packages.opentelemetry-exporter-otlp-proto-http
    python3Packages.opentelemetry-sdk
    python3Packages.orjson
    python3Packages.psycopg2
    python3Packages.pydantic
    python3Packages.pydantic-settings
    python3Packages.qdrant-client
    python3Packages.redis
    python3Packages.rich
    python3Packages.safetensors
    python3Packages.structlog
    python3Packages.tokenizers
    python3Packages.typer
    python3Packages.uvloop
  ];
  # The release of nixpkgs decides on versions; the tests below decide whether they fit.
  pythonRelaxDeps = true;
  # The same library, built from source.
  pythonRemoveDeps = [ "psycopg2-binary" ];

  nativeCheckInputs = [
    python3Packages.hypothesis
    python3Packages.pytest-asyncio
    python3Packages.pytestCheckHook
  ];
  pytestFlags = [
    "--config-file=../pytest.ini"
    # Warnings about what other versions deprecate do not concern whoever builds a release.
    "--override-ini=filterwarnings="
  ];
  enabledTestPaths = [ "../tests/unit" ];

  pythonImportsCheck = [ "ai_stack.service" ];

  meta = {
    inherit (metadata) description;
    license = lib.licenses.mit;
    mainProgram = "ai-stack";
    platforms = lib.platforms.linux;
  };
}
