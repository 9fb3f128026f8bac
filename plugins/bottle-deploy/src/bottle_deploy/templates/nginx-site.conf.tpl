# {{!plan.name}}: {{!plan.app}} behind nginx. It belongs into the http block: conf.d/{{!plan.name}}.conf
% if plan.is_local:
# Start the instances in {{!plan.directory}}, or have systemd do it (deploy systemd):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: --trusted-proxies ADDRESS-OF-THIS-MACHINE --health {{!plan.health}}
% end

upstream {{plan.name}} {
% for each in upstreams:
    server {{each}} max_fails=1 fail_timeout=2s;  # out for 2 s after a failure, then tried again
% end
    keepalive 32;
}

server {
    listen {{listen}}{{!' ssl' if plan.tls else ''}};
    server_name {{!' '.join(plan.host) or '_'}};
% if plan.tls:
    ssl_certificate {{plan.certfile}};
    ssl_certificate_key {{plan.keyfile or plan.certfile}};
    ssl_protocols TLSv1.2 TLSv1.3;
% end
    client_max_body_size {{!plan.max_body}};  # bytes; 0 means any
% for url, folder in plan.static:

    location {{!url}}/ {
        alias {{folder + '/'}};
    }
% end

    location / {
        proxy_pass http://{{!plan.name}};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        # What clients say of themselves in these headers is replaced: nobody can pretend to be somebody else.
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Real-IP "";
        proxy_set_header Forwarded "";
        # GET and the like are tried again on another instance; what may have had an effect is not.
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries {{!len(upstreams) + 1}};
        proxy_connect_timeout 2s;
        proxy_read_timeout {{!f'{plan.timeout:g}'}}s;
        proxy_send_timeout {{!f'{plan.timeout:g}'}}s;
        # Streams reach the client as they come. For slow clients and servers with few threads: on.
        proxy_buffering off;
    }
}
