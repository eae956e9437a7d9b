"""NixOS options: their names, what is known of each, and how they are found."""
