"""Runs a program in a terminal and draws what it prints: draw.py PICTURE TYPED PROGRAM ARGUMENT…"""

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS = 116
# A picture fetches nothing: it takes a font that is there.
SHAPE = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def printed(program):
    """What the program wrote to its terminal, as it stands there in the end."""
    output = []

    def read(terminal):
        output.append(os.read(terminal, 4096))
        return output[-1]

    os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color")
    status = pty.spawn(program, read)
    if status != 0:
        sys.exit(f"{program[0]} ended with {os.waitstatus_to_exitcode(status)}")
    text = b"".join(output).decode().replace("\r\n", "\n")
    # A line that was written, erased and written again.
    return re.sub(r"[^\n]*\r\x1b\[2K", "", text).rstrip()


picture, typed, *program = sys.argv[1:]
console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
console.print(Text(f"$ {typed}", style="bold"))
console.print(Text.from_ansi(printed(program)))
console.save_svg(
    picture, title=typed, theme=MONOKAI, code_format=SHAPE, unique_id=Path(picture).stem
)
