"""What SimpleTemplate costs: 1,000 rows.

python -m benchmarks.templates
"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks import contest

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [{'name': f'row {number}', 'count': number, 'note': '<b>&</b>'} for number in range(1000)]
ESCAPED = """<table>
% for row in rows:
  <tr><td>{{row['name']}}</td><td>{{row['count']}}</td><td>{{row['note']}}</td></tr>
% end
</table>
"""
MIXED = """<ul>
% for number, row in enumerate(rows):
  % if number % 2:
  <li class="odd">{{number}}: {{!row['note']}}</li>
  % else:
  <li>{{row['name']}}</li>
  % end
% end
</ul>
"""


def measure() -> dict[str, float]:
    """Return milliseconds per rendering, and for preparing a template anew."""
    from bottle import SimpleTemplate

    figures = {}
    for case, source in {'three escaped cells a row': ESCAPED, 'conditions, text and code': MIXED}.items():
        template = SimpleTemplate(source)
        template.render(rows=ROWS)
        figures[f'{case}, ms'] = min(timed(partial(template.render, rows=ROWS)) for _ in range(20))
    compiled = (timed(lambda: SimpleTemplate(MIXED).render(rows=[])) for _ in range(20))
    figures['compile and render once, ms'] = min(compiled)
    return figures


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds that a call takes."""
    begin = perf_counter()
    action()
    return (perf_counter() - begin) * 1e3


if __name__ == '__main__':
    contest.main('benchmarks.templates', __doc__, {'bottle': measure}, rounds=9, unit='SimpleTemplate, 1,000 rows')
