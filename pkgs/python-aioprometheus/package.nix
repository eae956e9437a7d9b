{
  lib,
  buildPythonPackage,
  fetchFromGitHub,

  # build-system
  setuptools,

  # dependencies
  orjson,
  quantile-python,
}:

buildPythonPackage {
  pname = "aioprometheus";
  version = "23.12.0";
  pyproject = true;

  # The commit of the release: there is neither a tag nor a source archive of it, and the wheel holds left-over files
  # of older releases beside it.
  src = fetchFromGitHub {
    owner = "claws";
    repo = "aioprometheus";
    rev = "2fabe659c3c5259b50ac90c3106df7d41b8a3c74";
    hash = "sha256-GD4vJ+1P3TBg3rBvlMArRBOWRIzT/y+2cHfkPRLkjdQ=";
  };

  build-system = [ setuptools ];

  dependencies = [
    orjson
    quantile-python
  ];

  # They need three web frameworks that nothing here uses.
  doCheck = false;

  pythonImportsCheck = [ "aioprometheus" ];

  meta = {
    description = "Prometheus client for asyncio";
    homepage = "https://github.com/claws/aioprometheus";
    changelog = "https://github.com/claws/aioprometheus/blob/master/CHANGELOG.md";
    license = lib.licenses.mit;
  };
}
