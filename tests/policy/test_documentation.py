"""The pages that list things list all of them."""

import ast
import re

from tests.support.sources import PLUGINS, ROOT, functions, tree


def first_cells(page: str) -> set[str]:
    """Return the names in the first column of a page's tables."""
    rows = re.findall(r'^\| (?:\[)?`([^`]+)`', (ROOT / page).read_text(), re.MULTILINE)
    return set(rows)


def session_names() -> set[str]:
    """Return the names of the nox sessions."""
    names = set()
    for function in functions(tree(ROOT / 'noxfile.py')):
        for decorator in function.decorator_list:
            text = ast.unparse(decorator)
            given = re.search(r"name='(\w+)'", text)
            if text.startswith('nox.session'):
                names.add(given[1] if given else function.name)
    return names


def test_every_session_is_described() -> None:
    assert session_names() - {'format'} == first_cells('CONTRIBUTING.md')


def test_every_server_is_in_the_table() -> None:
    servers = {folder.name for folder in PLUGINS if folder.name.startswith('bottle-server-')}
    assert servers == {name for name in first_cells('README.md') if name.startswith('bottle-server-')}


HEADING = re.compile(r'^#+ (.+)$', re.MULTILINE)
ANCHOR = re.compile(r'\]\((?!https?:)([^)#]*)#([^)]+)\)')


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    titles = (
        re.sub(r'[`*]', '', each).lower() for each in HEADING.findall(re.sub(r'(?s)^```.*?^```', '', page, flags=re.M))
    )
    return {re.sub(r'[^\w\- ]', '', title).replace(' ', '-') for title in titles}


def test_links_into_pages_lead_to_headings() -> None:
    lost = []
    for page in [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *ROOT.glob('docs/**/*.md'), *ROOT.glob('*/*/README.md')]:
        for path, anchor in ANCHOR.findall(page.read_text(encoding='utf-8')):
            target = page.parent / path if path else page
            if anchor not in anchors(target.read_text(encoding='utf-8')):
                lost.append(f'{page.name}: {path}#{anchor}')
    assert lost == []
