"""Write into the pages of docs/ what the commands above their listings print: `write_listings.py [PAGE ...]`.

A listing is a block below `<!-- test: output COMMAND -->`. Those with a line of nothing but `…` are shortened by hand
and left as they are; tests compare all of them with what the commands print.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
LISTING = re.compile(
    r'(?P<head><!-- test: output (?P<command>[^\n]+) -->\n```\w*\n)(?P<text>.*?)(?P<end>^```$)',
    re.MULTILINE | re.DOTALL,
)
LIMIT = 60.0  # seconds for a command


def written(listing: re.Match[str]) -> str:
    """Return a listing with what its command prints now."""
    if '\n…\n' in listing['text']:
        return listing[0]
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    with TemporaryDirectory() as folder:
        command = ['sh', '-c', listing['command']]
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, 'PATH': path},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=True,
        )
    return f'{listing["head"]}{done.stdout.strip()}\n{listing["end"]}'


def main() -> None:
    """Rewrite the pages that were named, or all."""
    pages = [Path(each) for each in sys.argv[1:]] or sorted(ROOT.glob('docs/**/*.md'))
    for page in pages:
        text = page.read_text(encoding='utf-8')
        page.write_text(LISTING.sub(written, text), encoding='utf-8')


if __name__ == '__main__':
    main()
