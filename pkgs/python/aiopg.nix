{
  lib,
  buildPythonPackage,
  fetchPypi,
  setuptools,
  async-timeout,
  psycopg2,
}:
buildPythonPackage rec {
  pname = "aiopg";
  version = "1.4.0";
  pyproject = true;

  src = fetchPypi {
    inherit pname version;
    hash = "sha256-EWJTvvhrTZVBFnFtGB6aApQDfyZnGLLhyXZq+ZVjnXE=";
  };

  build-system = [ setuptools ];
  dependencies = [
    async-timeout
    psycopg2
  ];
  # The same library, built from source.
  pythonRemoveDeps = [ "psycopg2-binary" ];
  pythonRelaxDeps = [ "async-timeout" ];
  # The tests need Docker.
  doCheck = false;
  pythonImportsCheck = [ "aiopg" ];

  meta = {
    description = "PostgreSQL for asyncio, over psycopg2";
    homepage = "https://github.com/aio-libs/aiopg";
    license = lib.licenses.bsd2;
  };
}
