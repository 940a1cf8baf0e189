# Home Assistant 2026.10 validates with probatio and answers `import voluptuous` with it at run time.
from probatio import *
