# The sandbox of every unit, as the running systemd sees it and as the processes feel it.
{
  name = "hardening";
  nodes.server = ../lib/server.nix;
}
