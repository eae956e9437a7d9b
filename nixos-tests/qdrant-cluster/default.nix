# Learned context in a cluster of three machines, of which one is lost.
let
  peer =
    name: bootstrap:
    { lib, pkgs, ... }:
    {
      imports = [ ../lib/machine.nix ];
      services.qdrant = {
        enable = true;
        settings = {
          service.host = lib.mkForce "0.0.0.0";
          cluster.enabled = true;
          cluster.p2p.port = 6335;
        };
      };
      systemd.services.qdrant.serviceConfig.ExecStart = lib.mkForce (
        "${lib.getExe pkgs.qdrant} --config-path /etc/qdrant.json --uri http://${name}:6335 " + bootstrap
      );
      environment.etc."qdrant.json".text = builtins.toJSON {
        service = {
          host = "0.0.0.0";
          http_port = 6333;
          grpc_port = 6334;
        };
        cluster = {
          enabled = true;
          p2p.port = 6335;
        };
        storage = {
          storage_path = "/var/lib/qdrant/storage";
          snapshots_path = "/var/lib/qdrant/snapshots";
        };
        telemetry_disabled = true;
      };
      networking.firewall.allowedTCPPorts = [
        6333
        6335
      ];
    };
in
{
  name = "qdrant-cluster";
  nodes = {
    server = {
      imports = [ ../lib/server.nix ];
      services.ai-stack = {
        qdrant.url = "http://peer1:6333";
        services.hybrid-coordinator.settings.cluster = {
          shards = 3;
          replicas = 3;
        };
      };
    };
    peer1 = peer "peer1" "";
    peer2 = peer "peer2" "--bootstrap http://peer1:6335";
    peer3 = peer "peer3" "--bootstrap http://peer1:6335";
    client = ../lib/client.nix;
  };
}
