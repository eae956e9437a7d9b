"""The configurations in configurations/, each what a person would write; the flake shows them, too."""

from nix.evaluate import HERE, Machine

ALL = {path.stem: Machine(f"./{path.relative_to(HERE.parent.parent)}", framework=True)
       for path in sorted((HERE / "configurations").glob("*.nix"))}  # fmt: skip

MINIMAL = ALL["minimal"]
OWN_SERVICE = ALL["own-service"]
EXTERNAL = ALL["external-stores"]
VECTORS = ALL["vectors"]
BOTH = ALL["two-machines"]
EVERYTHING = ALL["everything"]
