"""The fenced blocks of a Markdown file, each with what an HTML comment right above it says about its test.

- `<!-- test: skip REASON -->`: not run.
- `<!-- test: file NAME -->`: saved under this name for the other blocks of the page, not run by itself.
- `<!-- test: get PATH -->`: what to request from the server that the block starts; without it, the first route's path.
- `<!-- test: output COMMAND -->`: what the command prints; a line with nothing but `…` stands for any lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r'^(?:<!-- test: (?P<directive>\w+)(?: (?P<argument>[^\n]*?))? -->\n)?'
    r'```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
ROUTE = re.compile(r'@(?:\w+\.)?(?:route|get)\(\s*[\'"]([^\'"]+)')
PORT = re.compile(r'\bport\s*=\s*\d+')


@dataclass(frozen=True)
class Snippet:
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str
    directive: str = ''
    argument: str = ''

    def __str__(self) -> str:
        return f'{self.page.parent.name}/{self.page.name}:{self.line}'

    @property
    def serves(self) -> bool:
        """Whether this is a program that starts a server."""
        return bool(re.search(r'^\s*(?:\w+\.)?run\(', self.text, re.MULTILINE))

    @property
    def path(self) -> str:
        """What to request from the server that the block starts."""
        if self.directive == 'get':
            return self.argument
        route = ROUTE.search(self.text)
        return re.sub(r'<[^>]+>', 'World', route[1]) if route else '/'

    @property
    def program(self) -> str:
        """The text with a free port in the place of the one that a reader would use."""
        if not self.serves:
            return self.text
        if PORT.search(self.text):
            return PORT.sub('port=0', self.text)
        return re.sub(r'(?<!def )\brun\(', 'run(port=0, ', self.text)

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block without comments, continued lines joined."""
        joined = self.text.replace('\\\n', ' ')
        return [line for line in (re.sub(r'(^|\s)#.*', '', line).strip() for line in joined.splitlines()) if line]


def snippets(page: Path) -> Iterator[Snippet]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding='utf-8')
    for block in BLOCK.finditer(text):
        line = text.count('\n', 0, block.start('text'))
        directive, argument = block['directive'] or '', block['argument'] or ''
        yield Snippet(page, line, block['language'], block['text'], directive, argument)
