# A machine that uses the stack of another one.
{
  imports = [ ./machine.nix ];
  environment.etc."stories/load.py".source = ./load.py;
}
