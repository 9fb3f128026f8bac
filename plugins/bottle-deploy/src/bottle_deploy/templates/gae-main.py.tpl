"""The application where App Engine's gunicorn looks for it: `run` puts it into `app`, with App Engine's services."""

import bottle
import {{!plan.module}}

bottle.run({{!plan.app.replace(':', '.')}}, server='gae', health={{!repr(warmup)}})
