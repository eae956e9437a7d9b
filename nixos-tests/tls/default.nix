# Certificates: of the internal authority on one machine, given as files on the other.
{
  name = "tls";
  nodes = {
    server = ../lib/framework.nix;
    files = {
      imports = [ ../lib/framework.nix ];
      services.ai-stack = {
        tls = {
          mode = "files";
          certificate = "/root/tls/files.crt";
          key = "/root/tls/files.key";
        };
        gateway.httpsPort = 443;
        gateway.httpPort = 80;
      };
    };
    client = ../lib/client.nix;
  };
}
