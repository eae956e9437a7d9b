# Jaeger as its authors release it: nixpkgs has no package of it (NixOS/nixpkgs#512257).
{
  lib,
  fetchzip,
  stdenvNoCC,
}:
let
  version = "2.15.1";
  archives = {
    x86_64-linux = {
      platform = "linux-amd64";
      hash = "sha256-kAOXKD8aIDt5pIzflpc9Ccdl8WxMfPkgbrM6ySg42iY=";
    };
    aarch64-linux = {
      platform = "linux-arm64";
      hash = "sha256-RYcdTwoXnFT8bWjba/qwsgb0MIM+dJ1KzoxI6OOjhf0=";
    };
  };
  archive =
    archives.${stdenvNoCC.hostPlatform.system}
      or (throw "ai-stack: no Jaeger release for this platform");
in
stdenvNoCC.mkDerivation {
  pname = "jaeger";
  inherit version;

  src = fetchzip {
    url = "https://github.com/jaegertracing/jaeger/releases/download/v${version}/jaeger-${version}-${archive.platform}.tar.gz";
    inherit (archive) hash;
  };

  installPhase = ''
    runHook preInstall
    install -D -m 0755 jaeger $out/bin/jaeger
    runHook postInstall
  '';
  # a static binary
  dontFixup = true;

  meta = {
    description = "Distributed tracing backend";
    homepage = "https://www.jaegertracing.io";
    license = lib.licenses.asl20;
    mainProgram = "jaeger";
    platforms = lib.attrNames archives;
    sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
  };
}
