"""What the processes that answer one question have in common: see `projection_child.ask_child`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storage.errors import BadInput, CorruptFolder, UserError
from storage.home import Home
from storage.ledger import Ledger


def answer(place: Path, ask: Callable[[Home, Ledger], dict[str, Any]]) -> int:
    """Print the answer as JSON; what a person can mend goes to standard error, with exit code 2.

    Args:
        place: The home folder.
    """
    home = Home(place)
    ledger = Ledger.open(home.ledger_file)
    try:
        found = ask(home, ledger)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return BadInput.exit_code
    except (CorruptFolder, OSError) as error:
        sys.stderr.write(f"The evidence cannot be read: {error}\n")
        return BadInput.exit_code
    finally:
        ledger.close()
    sys.stdout.write(json.dumps(found))
    return 0
