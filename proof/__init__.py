"""Kill it, starve it, lie to it: campaigns against the tap and the target, and their verdict."""
