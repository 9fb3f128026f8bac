# {{!plan.name}}: {{!plan.app}} on {{!plan.server}}. In the folder of the application, which is what the image is built from:
#   docker build --tag {{!image}} .
#   docker run --rm --read-only --tmpfs /tmp --publish {{!plan.port}}:{{!plan.port}}{{!''.join(f' --volume {plan.name}-{number}:{each}' for number, each in enumerate(folders, 1))}} {{!image}}
FROM python:{{!python}}-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid {{!user}} --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app
WORKDIR {{!sources}}

# Before the sources: their changes do not install it all again.
% if requirements:
COPY {{!requirements}} {{!requirements}}
% else:
# What the application needs besides is missing here: --requirements FILE names it, as pip reads it.
% end
RUN python -m pip install --no-cache-dir --root-user-action=ignore {{!packages}}{{!f' -r {requirements}' if requirements else ''}}

# They stay root's: the application cannot change itself. It writes to /tmp, and to what --writable names.
COPY . .
% if folders:
RUN install --directory --owner={{!user}} --group={{!user}} {{!' '.join(folders)}}
% end

% if plan.env:
# Whoever has the image can read this. Secrets are for the container: docker run --env-file FILE
%   for name, value in plan.env:
ENV {{!name}}={{value}}
%   end

% end
USER {{!user}}:{{!user}}
EXPOSE {{!plan.port}}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s CMD {{!probe}}
# Stopping takes up to {{!f'{plan.graceful_timeout:g}'}} s for running requests: docker stop --time {{!int(plan.graceful_timeout) + 5}}
# Behind a proxy, add whose forwarded headers are believed: "--trusted-proxies", "ADDRESS-OF-THE-PROXY"
CMD {{!command}}
