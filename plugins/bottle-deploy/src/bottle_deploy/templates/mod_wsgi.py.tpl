"""{{!plan.app}} for mod_wsgi, which calls `application`. After a change of the code: touch app.wsgi"""

import os
import sys

FOLDER = {{plan.directory}}  # where this file belongs, too
os.chdir(FOLDER)  # relative paths and template look-up begin there
sys.path.insert(0, FOLDER)
% for name, value in plan.env:
os.environ[{{name}}] = {{value}}
% end

from bottle.serving import ServerAdapter
from bottle.serving.assembly import assembled
from bottle.serving.loading import prepared
from bottle.serving.options import ServerOptions

# As `python -m bottle` serves it: installed extensions may wrap it. What else a server does, Apache does.
options = ServerOptions(server='mod_wsgi', health={{plan.health}})
application = assembled(prepared({{plan.app}}, None, None), ServerAdapter(), options)
