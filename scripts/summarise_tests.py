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
    """Print the summary; its last line tells it all: a session that failed without a failed test counts as one."""
    counts = {report.stem: count(report) for report in sorted(folder.glob('*.xml'))}
    sessions_file = folder / 'sessions.json'
    sessions = json.loads(sessions_file.read_text())['sessions'] if sessions_file.exists() else []
    total = sum(counts.values(), Counter())
    for session in sessions:
        name, result = session['signatures'][0], session['result']
        if result != 'success':
            print(f'session {name}: {result}', session.get('reason') or '')
        if result not in {'success', 'skipped'} and not counts.get(name, Counter())['failed']:
            total['failed'] += 1
    print(
        f'{total["passed"]} passed, {total["failed"]} failed, {total["skipped"]} skipped'
        f' ({[one["result"] for one in sessions].count("success")} of {len(sessions)} sessions succeeded)'
    )


if __name__ == '__main__':
    main(Path(sys.argv[1]))
