"""What an instance costs and how fast it reacts, always beside a floor that was measured in the same run.

`scripts/bench` runs all of it. Absolute times say little on a shared machine, so what counts are ratios and counts.
"""

import tests.ahead  # noqa: F401 # before the harness is imported: it lets that run on a newer Home Assistant, too
