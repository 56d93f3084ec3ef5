"""How SynthBirds look and how they are written; :mod:`zslcore.data.synthbirds` is the way in."""
