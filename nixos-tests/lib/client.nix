# A machine that uses the stack of another one.
{
  imports = [ ./machine.nix ];
}
