"""``python -m elsa_rt`` is ``elsa-rt``."""

import sys

from elsa_rt.cli import main

sys.exit(main())
