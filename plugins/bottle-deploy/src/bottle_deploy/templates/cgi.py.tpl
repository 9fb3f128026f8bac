#!{{!interpreter}}
"""{{!plan.app}} as a CGI script, which a web server starts for each request."""

import os
import sys

FOLDER = {{plan.directory}}  # where this file belongs, too
os.chdir(FOLDER)  # relative paths and template look-up begin there
sys.path.insert(0, FOLDER)
% for name, value in plan.env:
os.environ[{{name}}] = {{value}}
% end

# What a client says of itself, in whatever way it is written: a web server knows these headers by their dashes alone.
for name in [each for each in os.environ if each.startswith('HTTP_X_FORWARDED_')]:
    del os.environ[name]

from bottle import run

run({{plan.app}}, server='cgi', max_body={{!plan.max_body}})
