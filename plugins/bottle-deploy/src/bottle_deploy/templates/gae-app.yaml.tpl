# {{!plan.app}} on App Engine. Put these files beside the application, then: gcloud app deploy
runtime: python313
app_engine_apis: true
# Without this line App Engine runs gunicorn on main:app, which is {{!'the same application' if plan.module == 'main' else 'in main.py'}}.
entrypoint: {{entrypoint}}
# App Engine warms new instances up before it sends them clients. The server answers {{!'/_ah/warmup'}} by itself;
# where the application has a handler for that, take --health out of the line above.
inbound_services:
- warmup
% if plan.max_instances:
automatic_scaling:
  max_instances: {{!plan.max_instances}}
% end
% if plan.env:
# Everybody who sees this file sees these values: secrets belong into Secret Manager.
env_variables:
%   for name, value in plan.env:
  {{name}}: {{value}}
%   end
% end
handlers:
% for url, folder in static:
- url: {{url}}
  static_dir: {{folder}}
  secure: always
% end
- url: /.*
  script: auto
  secure: always  # http is redirected to https
