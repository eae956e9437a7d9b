# The runtime, the four services and the command line: python/ of this repository.
{
  lib,
  stdenv,
  buildPythonPackage,

  # build-system
  hatchling,

  # dependencies
  aiohttp,
  aiopg,
  aioprometheus,
  markdown-it-py,
  mcp,
  numpy,
  onnx,
  onnxruntime,
  opentelemetry-exporter-otlp-proto-grpc,
  opentelemetry-exporter-otlp-proto-http,
  opentelemetry-sdk,
  orjson,
  prometheus-client,
  psycopg2,
  pydantic,
  pydantic-settings,
  pypdf,
  qdrant-client,
  redis,
  rich,
  safetensors,
  snowballstemmer,
  structlog,
  tokenizers,
  typer,
  uvloop,

  # optional: an engine of embeddings that takes gigabytes
  withTorch ? false,
  torch,
  transformers,

  # tests
  hypothesis,
  pytest-asyncio,
  pytestCheckHook,
}:
let
  inherit (lib) fileset;

  code = fileset.fileFilter (file: !file.hasExt "pyc");
  project = (fromTOML (builtins.readFile ../../python/pyproject.toml)).project;

  # Importing onnxruntime ends the process there: it wants /sys/devices/system/cpu, which the sandbox has not.
  hasOnnxruntime = !(stdenv.hostPlatform.isLinux && stdenv.hostPlatform.isAarch64);
in
buildPythonPackage (finalAttrs: {
  pname = project.name;
  inherit (project) version;
  pyproject = true;

  src = fileset.toSource {
    root = ../..;
    fileset =
      fileset.difference
        (fileset.unions [
          ../../pytest.ini
          ../../python/pyproject.toml
          (code ../../python/src)
          ../../tests/conftest.py
          (code ../../tests/data)
          (code ../../tests/support)
          (code ../../tests/unit)
        ])
        (
          # about pages, scripts and benchmarks, which are not part of the package
          fileset.unions [
            ../../tests/unit/docs
            (fileset.maybeMissing ../../tests/unit/bench)
            ../../tests/unit/soak
            ../../tests/unit/test_scripts.py
          ]
        );
  };
  sourceRoot = "${finalAttrs.src.name}/python";

  build-system = [ hatchling ];

  # The release of nixpkgs decides on versions; the tests below decide whether they fit.
  pythonRelaxDeps = true;
  # The same library compiled here: the wheel of this name brings an OpenSSL of its own.
  pythonRemoveDeps = [ "psycopg2-binary" ];

  dependencies = [
    aiohttp
    aiopg
    aioprometheus
    markdown-it-py
    mcp
    numpy
    onnx
    onnxruntime
    opentelemetry-exporter-otlp-proto-grpc
    opentelemetry-exporter-otlp-proto-http
    opentelemetry-sdk
    orjson
    prometheus-client
    psycopg2
    pydantic
    pydantic-settings
    pypdf
    qdrant-client
    redis
    rich
    safetensors
    snowballstemmer
    structlog
    tokenizers
    typer
    uvloop
  ]
  ++ redis.optional-dependencies.hiredis
  ++ lib.optionals withTorch finalAttrs.passthru.optional-dependencies.torch;

  optional-dependencies.torch = [
    torch
    transformers
  ];

  nativeCheckInputs = [
    hypothesis
    pytest-asyncio
    pytestCheckHook
  ];

  # The tests lie above the project, where nothing is writable yet. The detector of blocking calls is left out: it
  # patches the interpreter, and has nothing to say about the libraries of nixpkgs.
  preCheck = ''
    pushd ..
    chmod --recursive u+w .
    sed --in-place 's/"support.blocking", //' tests/conftest.py
  '';
  postCheck = ''
    popd
  '';

  pytestFlags = [
    # Whoever builds a release wants neither chance nor deadlines in it.
    "--hypothesis-profile=ci"
    # What other versions deprecate is not the concern of this one.
    "--override-ini=filterwarnings="
  ];
  enabledTestPaths = [ "tests/unit" ];
  # PostgreSQL from a wheel, for machines without Nix
  disabledTests = [ "test_the_wheel_has_pgvector_and_a_version" ];
  disabledTestPaths = lib.optionals (!hasOnnxruntime) [ "tests/unit/embeddings" ];

  pythonImportsCheck = [
    "ai_stack.aidb.app"
    "ai_stack.cli.main"
    "ai_stack.collector.command"
    "ai_stack.hybrid_coordinator.app"
    "ai_stack.nixos_docs.app"
    "ai_stack.service.runner"
    "ai_stack.status_page.app"
  ]
  ++ lib.optionals hasOnnxruntime [ "ai_stack.embeddings.app" ];

  meta = {
    inherit (project) description;
    license = lib.licenses.mit;
    mainProgram = "ai-stack";
    platforms = lib.platforms.linux;
  };
})
