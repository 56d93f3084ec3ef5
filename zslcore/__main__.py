"""``python -m zslcore`` is the command ``zslcore``."""

import sys

from zslcore.cli import main

sys.exit(main())
