{
  lib,
  buildPythonPackage,
  fetchPypi,

  # build-system
  setuptools,

  # dependencies
  async-timeout,
  psycopg2,
}:

buildPythonPackage (finalAttrs: {
  pname = "aiopg";
  version = "1.4.0";
  pyproject = true;

  src = fetchPypi {
    inherit (finalAttrs) pname version;
    hash = "sha256-EWJTvvhrTZVBFnFtGB6aApQDfyZnGLLhyXZq+ZVjnXE=";
  };

  # psycopg2-binary is the same library as a wheel. async-timeout is used as `async with` only, which its fifth
  # release still has.
  postPatch = ''
    substituteInPlace setup.py \
      --replace-fail "psycopg2-binary>=2.9.5" "psycopg2>=2.9.5" \
      --replace-fail "async_timeout>=3.0,<5.0" "async-timeout>=3.0"
  '';

  build-system = [ setuptools ];

  dependencies = [
    async-timeout
    psycopg2
  ];

  # They start PostgreSQL in Docker.
  doCheck = false;

  pythonImportsCheck = [ "aiopg" ];

  meta = {
    description = "PostgreSQL from asyncio, on psycopg2";
    homepage = "https://github.com/aio-libs/aiopg";
    changelog = "https://github.com/aio-libs/aiopg/blob/v${finalAttrs.version}/CHANGES.txt";
    license = lib.licenses.bsd2;
  };
})
