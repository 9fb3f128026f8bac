# {{!plan.name}}: {{!plan.app}} behind nginx. It belongs into the http block: conf.d/{{!plan.name}}.conf
% if plan.is_local:
# Start the instances in {{!plan.directory}}, or have systemd do it (deploy systemd):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: python -m bottle {{!' '.join(plan.arguments('', trusted='ADDRESS-OF-THIS-MACHINE'))}}
% end
% if plan.sockets and plan.is_local:
# The folder of the sockets lets nginx in, and what is made in it is of nginx's group (Debian: www-data):
#   install -d -m 2750 -o USER-OF-THE-INSTANCES -g www-data {{!plan.sockets}}
% end

upstream {{plan.name}} {
    zone {{plan.name}} {{!64 + 2 * len(upstreams)}}k;  # what is known of the instances is known to all of nginx's processes
    least_conn;
% for each in upstreams:
    server {{each}} max_fails=1 fail_timeout=2s;  # out for 2 s after a failure, then tried again
% end
% if plan.keeps_connections:
    keepalive 32;
% end
}

# The port as the client has written it. $host is what server_name was compared with; $http_host may be another name.
map $http_host ${{!variable}}_port {
    ~(:[0-9]+)$ $1;
}

server {
% if plan.tls:
    # nginx 1.25.1 and later warn of this way to have HTTP/2: there, take http2 out and write: http2 on;
% end
% for each in listen:
    listen {{each}}{{!tls}};{{!'  # without IPv6: remove this line' if each.startswith('[::]') else ''}}
% end
    server_name {{!' '.join(plan.host) or '_'}};{{!'  # other names get the default server of this nginx' if plan.host else ''}}
% if plan.tls:
    ssl_certificate {{plan.certfile}};
    ssl_certificate_key {{plan.keyfile or plan.certfile}};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
    ssl_session_cache shared:{{!plan.name}}-tls:1m;
% end
    client_max_body_size {{!plan.max_body}};  # bytes; 0 means any
% for url, folder in plan.static:

    location {{!url}}/ {
        alias {{folder.rstrip('/') + '/'}};
    }
% end

    location / {
        proxy_pass http://{{!plan.name}};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        # What clients say of themselves in these headers is replaced: nobody can pretend to be somebody else.
        proxy_set_header Host $host${{!variable}}_port;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host${{!variable}}_port;
        proxy_set_header X-Forwarded-Port "";
        proxy_set_header X-Forwarded-Prefix "";
        proxy_set_header X-Real-IP "";
        proxy_set_header Forwarded "";
        # GET and the like are tried again on another instance, unless time is up; what may have had an effect is not.
        proxy_next_upstream error timeout;
        proxy_next_upstream_timeout {{!timeout}};
        proxy_connect_timeout 2s;
        proxy_read_timeout {{!timeout}};
        proxy_send_timeout {{!timeout}};
        # Streams reach the client as they come. For slow clients and servers with few threads: on.
        proxy_buffering off;
    }
}
