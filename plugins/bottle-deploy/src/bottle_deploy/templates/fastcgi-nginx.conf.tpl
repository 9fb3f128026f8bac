# {{!plan.name}}: {{!plan.app}} behind nginx, by FastCGI. It belongs into the http block: conf.d/{{!name}}.conf
{{!starting}}

upstream {{plan.name}} {
% for each in plan.backends:
    server {{upstream(each)}} max_fails=1 fail_timeout=2s;
% end
}

server {
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
% for url, folder in static:

    location {{!url}}/ {
        alias {{folder.rstrip('/') + '/'}};
    }
% end

    location / {
        fastcgi_pass {{!plan.name}};
        # The application is at the root of the site, and all of the path is its own.
        fastcgi_param SCRIPT_NAME "";
        fastcgi_param PATH_INFO $document_uri;
        fastcgi_param QUERY_STRING $query_string;
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param REQUEST_URI $request_uri;
        fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length;
        fastcgi_param HTTPS $https if_not_empty;
        fastcgi_param REMOTE_ADDR $remote_addr;
        fastcgi_param REMOTE_PORT $remote_port;
        fastcgi_param SERVER_NAME $host;
        fastcgi_param SERVER_PORT $server_port;
        fastcgi_param SERVER_PROTOCOL $server_protocol;
        fastcgi_param GATEWAY_INTERFACE CGI/1.1;
        # What clients say of themselves is removed: nobody can pretend to be somebody else, or set HTTP_PROXY.
% for each in ('Proxy', *claims):
        fastcgi_param HTTP_{{!each.upper().replace('-', '_')}} "" if_not_empty;
% end
        fastcgi_connect_timeout 2s;
        fastcgi_read_timeout {{!timeout}};
        fastcgi_send_timeout {{!timeout}};
        # Streams reach the client as they come. For slow clients and few threads: on.
        fastcgi_buffering off;
    }
}
