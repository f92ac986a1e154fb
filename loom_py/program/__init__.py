"""Programs: recorded networks, ready for executors."""

from loom_py.program.program import ARENA as ARENA
from loom_py.program.program import CONSTANTS as CONSTANTS
from loom_py.program.program import LOCAL as LOCAL
from loom_py.program.program import OBSERVED as OBSERVED
from loom_py.program.program import Buffer as Buffer
from loom_py.program.program import Instruction as Instruction
from loom_py.program.program import Observation as Observation
from loom_py.program.program import Program as Program
from loom_py.program.program import Segment as Segment
from loom_py.program.program import Span as Span
from loom_py.program.recorder import Recorder as Recorder
