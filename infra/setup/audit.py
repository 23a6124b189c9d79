"""Known vulnerabilities of the pinned versions: python infra/setup/audit.py constraints.txt.

Where the database of advisories can't be reached nothing is known, and that is no failure.
"""

import json
import subprocess
import sys


def main(constraints: str) -> int:
    """Print what is known; 1 if anything is."""
    command = [
        *(sys.executable, "-m", "pip_audit", "-r", constraints, "--no-deps", "--disable-pip"),
        *("--format", "json", "--progress-spinner", "off", "--timeout", "15"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        print("dependency audit: the advisories can't be reached; nothing was checked")
        return 0
    checked = [each for each in found if "vulns" in each]
    bad = [each for each in checked if each["vulns"]]
    for each in bad:
        for vulnerability in each["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"{each['name']} {each['version']}: {vulnerability['id']}, fixed by {fixed}")
    unknown = len(found) - len(checked)
    print(f"dependency audit: {len(checked)} checked, {len(bad)} bad, {unknown} unknown")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
