"""Add up what the nox sessions left in a folder: one line per session without success, then the count of the tests."""

import json
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def count(report: Path) -> Counter[str]:
    """Return how many tests of a JUnit report passed, failed and were skipped."""
    total: Counter[str] = Counter()
    for suite in ElementTree.parse(report).iter('testsuite'):
        tests, failed, skipped = (int(suite.get(name, 0)) for name in ('tests', 'failures', 'skipped'))
        failed += int(suite.get('errors', 0))
        total.update(passed=tests - failed - skipped, failed=failed, skipped=skipped)
    return total


def main(folder: Path) -> None:
    """Print the summary; the last line is the one to look at."""
    tests: Counter[str] = Counter(passed=0, failed=0, skipped=0)
    for report in sorted(folder.glob('*.xml')):
        tests += count(report)
    sessions_file = folder / 'sessions.json'
    sessions = json.loads(sessions_file.read_text())['sessions'] if sessions_file.exists() else []
    good = [session for session in sessions if session['result'] == 'success']
    for session in sessions:
        if session not in good:
            print(f'session {session["signatures"][0]}: {session["result"]}')
    print(
        f'{tests["passed"]} passed, {tests["failed"]} failed, {tests["skipped"]} skipped'
        f' ({len(good)} of {len(sessions)} sessions succeeded)'
    )


if __name__ == '__main__':
    main(Path(sys.argv[1]))
