"""Everything that the command can write for, a module each."""

from __future__ import annotations

from bottle_deploy.targets.apache import APACHE
from bottle_deploy.targets.caddy import CADDY
from bottle_deploy.targets.cgi import CGI
from bottle_deploy.targets.compose import COMPOSE
from bottle_deploy.targets.docker import DOCKER
from bottle_deploy.targets.fastcgi import FASTCGI
from bottle_deploy.targets.gae import GAE
from bottle_deploy.targets.haproxy import HAPROXY
from bottle_deploy.targets.kubernetes import KUBERNETES
from bottle_deploy.targets.lighttpd import LIGHTTPD
from bottle_deploy.targets.mod_wsgi import MOD_WSGI
from bottle_deploy.targets.nginx import NGINX
from bottle_deploy.targets.pound import POUND
from bottle_deploy.targets.procfile import PROCFILE
from bottle_deploy.targets.systemd import SYSTEMD

KINDS = {
    'balancer': 'in front of instances, on one machine or several',
    'host': 'inside a web server',
    'platform': 'on a platform',
}
TARGETS = {
    each.name: each
    for each in (
        NGINX,
        HAPROXY,
        POUND,
        CADDY,
        APACHE,
        LIGHTTPD,
        MOD_WSGI,
        CGI,
        FASTCGI,
        GAE,
        DOCKER,
        COMPOSE,
        KUBERNETES,
        SYSTEMD,
        PROCFILE,
    )
}
