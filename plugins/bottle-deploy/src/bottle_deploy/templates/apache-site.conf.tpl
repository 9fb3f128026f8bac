# {{!plan.name}}: {{!plan.app}} behind Apache. On Debian and Ubuntu: sites-available/{{!plan.name}}.conf, then
#   a2enmod {{!' '.join(needed)}}
#   a2ensite {{!plan.name}}
% if plan.is_local:
# Start the instances in {{!plan.directory}}, or have systemd do it (deploy systemd):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: --trusted-proxies ADDRESS-OF-THIS-MACHINE --health {{!plan.health}}
% end
% if plan.sockets:
# The folder of the sockets lets Apache in, and what is made in it is of Apache's group:
#   install -d {{!sockets}} -m 2750 -o USER-OF-THE-INSTANCES -g {{!user}}
% end

% if not packaged:
Listen {{!address}}
% end
<VirtualHost {{!address if plan.listening[0] else f'*:{address}'}}>
    ServerName {{!names[0]}}
% if names[1:]:
    ServerAlias {{!' '.join(names[1:])}}
% end
% if plan.host:
    # For any other name, should Apache have no other site that gets it
    <If "%{HTTP_HOST} !~ /{{!hosts}}/i">
        Redirect 421 "/"
    </If>
% end
% if plan.tls:
    SSLEngine on
    SSLCertificateFile {{plan.certfile}}
    SSLCertificateKeyFile {{plan.keyfile or plan.certfile}}
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20
    Protocols h2 http/1.1
% end
% for url, folder in static:

    Alias "{{!url}}/" {{folder + '/'}}
    <Location "{{!url}}/">
        ProxyPass "!"
        Options -Indexes
        Require all granted
    </Location>
% end

% if plan.max_body:
    # How many bytes a request may have. LimitRequestBody is not for what is passed on; where a request does not say its
    # length, the instance counts: --max-body.
    <If "%{HTTP:Content-Length} -gt {{!plan.max_body}}">
        Redirect 413 "/"
    </If>

% end
    ProxyHCTemplate {{!plan.name}} hcmethod=GET hcuri={{!plan.health}} hcinterval=2
    <Proxy "balancer://{{!plan.name}}">
        # Out for 2 s after a failure, and while health does not answer 200 within ProxyTimeout. A new connection for each
        # request: Apache does not repeat one that has met a connection which the instance is just closing.
% for each in members:
        BalancerMember {{each}} retry=2 connectiontimeout=2 disablereuse=On hctemplate={{!plan.name}}
% end
        # In turns. Where some requests take far longer than others: bybusyness, a module of its own.
        ProxySet lbmethod=byrequests
    </Proxy>
    # URLs reach the application as they were sent, with %2F and all.
    AllowEncodedSlashes NoDecode
    ProxyPass "/" "balancer://{{!plan.name}}/" nocanon
    ProxyPreserveHost On
    ProxyTimeout {{!timeout}}

    # What clients say of themselves is removed, and Apache adds what it knows: nobody can pretend to be somebody else.
    RequestHeader unset Forwarded
    RequestHeader unset X-Real-IP
% for each in ('For', 'Host', 'Port', 'Prefix', 'Server'):
    RequestHeader unset X-Forwarded-{{!each}}
% end
    RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"
    # Apache drops the headers that a client names here.
    RequestHeader edit* Connection "(?i)X-Forwarded-Proto" "close"
</VirtualHost>
