"""What SimpleTemplate costs: 1,000 rows.

python -m benchmarks.templates
"""

from __future__ import annotations

from time import perf_counter

from benchmarks import contest

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
        figures[f'{case}, ms'] = min(timed(lambda template=template: template.render(rows=ROWS)) for _ in range(20))  # type: ignore[misc]  # a default in a lambda has no annotation
    figures['compile and render once, ms'] = min(
        timed(lambda: SimpleTemplate(MIXED).render(rows=[])) for _ in range(20)
    )
    return figures


def timed(action: object) -> float:
    """Return the milliseconds that a call takes."""
    begin = perf_counter()
    action()  # type: ignore[operator]  # whatever is called takes nothing
    return (perf_counter() - begin) * 1e3


if __name__ == '__main__':
    contest.main('benchmarks.templates', __doc__, {'bottle': measure}, rounds=9, unit='SimpleTemplate, 1,000 rows')
