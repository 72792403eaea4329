"""`make bench`: every bench in turn, each a process of its own; `python -m bench NAME…` runs some. A failing one is named at the end."""

import subprocess
import sys

BENCHES = {
    "score": ["bench.score"],
    "paper_slips": ["bench.paper_slips"],
    "paper_print": ["bench.paper_print"],
    "paper_read": ["bench.paper_read", "--questions", "2000"],
    "phone": ["bench.phone"],
    "box": ["bench.box"],
}


def main() -> int:
    """The number of benches that failed."""
    chosen = sys.argv[1:] or list(BENCHES)
    if unknown := set(chosen) - set(BENCHES):
        print(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    failed = []
    for name in chosen:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", *BENCHES[name]], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
