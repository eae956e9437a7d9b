"""`python -m ai_stack.collector`."""

import sys

from ai_stack.collector.command import main

sys.exit(main())
