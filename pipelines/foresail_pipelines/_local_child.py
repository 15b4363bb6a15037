"""One local run in a process of its own: Kubeflow's runner takes over stdout, logging and print.

Called by `foresail_pipelines.local` with a JSON file: `file`, `root`, `arguments`.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    """Run the compiled pipeline that the JSON file names."""
    from kfp import components, local

    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # The runner replaces "python3" by sys.executable in the whole command: unquoted in a shell
    # line, and inside the paths of inputs and outputs too. PATH leads to the same interpreter.
    sys.executable = "python3"
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=job["root"])
    components.load_component_from_file(job["file"])(**job["arguments"])


if __name__ == "__main__":
    main()
