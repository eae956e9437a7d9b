{
  lib,
  buildPythonPackage,
  fetchPypi,
  orjson,
  quantile-python,
}:
buildPythonPackage rec {
  pname = "aioprometheus";
  version = "23.12.0";
  # No source archive is published of this version.
  format = "wheel";

  src = fetchPypi {
    inherit pname version format;
    dist = "py3";
    python = "py3";
    hash = "sha256-sadyWRMRU++CC0lOdkObJ4Q06vKl4l3AuL89g19FWWA=";
  };

  dependencies = [
    orjson
    quantile-python
  ];
  pythonImportsCheck = [ "aioprometheus" ];

  meta = {
    description = "Prometheus instrumentation for asyncio applications";
    homepage = "https://github.com/claws/aioprometheus";
    license = lib.licenses.mit;
  };
}
