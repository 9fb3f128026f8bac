# {{!plan.name}}: {{!plan.app}} behind HAProxy. This is the whole configuration: /etc/haproxy/haproxy.cfg
% if plan.is_local:
# Start the instances in {{!plan.directory}}, or have systemd do it (deploy systemd):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: python -m bottle {{!' '.join(plan.arguments('', trusted='ADDRESS-OF-THIS-MACHINE'))}}
% end
% if plan.sockets and plan.is_local:
# The folder of the sockets lets HAProxy in, and what is made in it is of HAProxy's group:
#   install -d -m 2750 -o USER-OF-THE-INSTANCES -g haproxy {{!plan.sockets}}
% end

global
    fd-hard-limit 65536  # bounds connections, two of these each, where the system's limit is higher
    hard-stop-after {{!graceful}}  # what still runs then after a reload is cut
% if plan.user:
    user {{plan.user}}
    group {{plan.user}}
% else:
    # Started by root, as systemd does, it stays root without two lines here: user haproxy, and group haproxy
% end
% if plan.tls:
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20
% end

defaults
    mode http
    # For a log of all requests: option httplog, and: log stdout format raw local0
    timeout connect 2s
    timeout client {{!timeout}}
    timeout server {{!timeout}}
    timeout http-request 10s  # for the head of a request
    timeout http-keep-alive 60s
    timeout check 5s

frontend {{plan.name}}
% for each in listen:
    bind {{!each}}{{!tls}}{{!'  # without IPv6: remove this line' if each.startswith(':::') else ''}}
% end
% for pattern, name in hosts:
    acl is-asked-for req.fhdr(host),field(1,:) -i -m {{!pattern}} {{name}}
% end
% if hosts:
    http-request deny deny_status 421 unless is-asked-for
% end
% if plan.max_body:
    # Bytes. Where a client does not tell how many there are (chunked), the instance counts them.
    http-request deny deny_status 413 if { req.body_size gt {{!plan.max_body}} }
% end
    # What clients say of themselves in these headers is replaced: nobody can pretend to be somebody else.
    option http-restrict-req-hdr-names delete
    http-request del-header X-Forwarded- -m beg
    http-request del-header X-Real-IP
    http-request del-header Forwarded
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto {{!'https' if plan.tls else 'http'}}
    http-request set-header X-Forwarded-Host %[req.fhdr(host)]
    default_backend {{plan.name}}

backend {{plan.name}}
    balance roundrobin
    # GET and HEAD are tried again on another instance. What may have had an effect is not, once it was sent.
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless METH_GET
    option httpchk
    http-check send meth GET uri {{plan.health}} ver HTTP/1.1 hdr Host localhost
    http-check expect status 200
    default-server check inter 2s fastinter 500ms downinter 1s fall 3 rise 2
% for number, each in enumerate(servers, 1):
    server {{!plan.name}}-{{!number}} {{each}}
% end
