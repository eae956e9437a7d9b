{
  lib,
  buildPythonPackage,
  fetchPypi,

  # build-system
  setuptools,
}:

buildPythonPackage (finalAttrs: {
  pname = "quantile-python";
  version = "1.1";
  pyproject = true;

  src = fetchPypi {
    inherit (finalAttrs) pname version;
    hash = "sha256-VYYp6IxJfvO5sQgTScGuamG1NZDjF3JCmP9UxnTbeWk=";
  };

  build-system = [ setuptools ];

  # There are none in the archive.
  doCheck = false;

  pythonImportsCheck = [ "quantile" ];

  meta = {
    description = "Quantiles over data streams with bounded error";
    homepage = "https://github.com/matttproud/python_quantile_estimation";
    license = lib.licenses.asl20;
  };
})
