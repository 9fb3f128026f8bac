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

from bottle import run

# The web server says who the client is; what the client says of itself is removed, in whatever way it is written.
run({{plan.app}}, server='cgi', max_body={{!plan.max_body}}, trusted_proxies='nobody')
