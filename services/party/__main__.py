"""``python -m services.party``."""

import sys

from services.party.main import main

sys.exit(main())
