{
  lib,
  buildPythonPackage,
  fetchPypi,
  setuptools,
}:
buildPythonPackage rec {
  pname = "quantile-python";
  version = "1.1";
  pyproject = true;

  src = fetchPypi {
    inherit pname version;
    hash = "sha256-VYYp6IxJfvO5sQgTScGuamG1NZDjF3JCmP9UxnTbeWk=";
  };

  build-system = [ setuptools ];
  pythonImportsCheck = [ "quantile" ];

  meta = {
    description = "Biased quantiles over data streams";
    homepage = "https://github.com/matttproud/python_quantile_estimation";
    license = lib.licenses.asl20;
  };
}
