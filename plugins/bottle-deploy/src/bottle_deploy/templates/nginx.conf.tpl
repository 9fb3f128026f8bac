# A whole nginx for this site alone, to try and to check it: nginx -p . -c nginx.conf -g 'daemon off;'
# Where nginx runs already, put {{!plan.name}}.conf into its conf.d/ (or sites-enabled/) and leave this file out.
% if plan.user:
user {{plan.user}};  # of effect only when it is started by root
% end
pid nginx.pid;
error_log stderr;
worker_processes auto;
events { worker_connections 4096; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log off;
    sendfile on;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
% if plan.host:
    # What is asked for by another name than the site's. A whole nginx has its own default server.
    server {
%   for each in listen:
        listen {{each}}{{!tls}} default_server;
%   end
%   if plan.tls:
        ssl_certificate {{plan.certfile}};
        ssl_certificate_key {{plan.keyfile or plan.certfile}};
%   end
        return 421;
    }
% end
    include {{plan.name}}.conf;
}
