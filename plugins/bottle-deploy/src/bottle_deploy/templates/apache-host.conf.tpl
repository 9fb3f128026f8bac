# {{!plan.name}}: {{!plan.app}} inside Apache. On Debian: sites-available/{{!name}}, then
#   a2enmod {{!' '.join(needed)}}
#   a2ensite {{!name.removesuffix('.conf')}}
% if not packaged:

Listen {{!address}}
% end

<VirtualHost {{!address if plan.listening[0] else f'*:{address}'}}>
    ServerName {{!server}}
% if aliases:
    ServerAlias {{!' '.join(aliases)}}
% end
% if plan.host:
    # For other names when no other site is there that would be asked
    <If "%{HTTP_HOST} !~ /{{!hosts}}/i">
        Redirect 421 "/"
    </If>
% end
% if plan.tls:
    SSLEngine on
    SSLCertificateFile {{plan.certfile}}
    SSLCertificateKeyFile {{plan.keyfile or plan.certfile}}
    SSLProtocol -all +TLSv1.2 +TLSv1.3
% end
    LimitRequestBody {{!plan.max_body}}
    # A slash that was sent as %2F is one for the application, as on every server of Bottle's.
    AllowEncodedSlashes On
    # Nobody can pretend to be somebody else. Behind a proxy of yours, mod_remoteip reads its X-Forwarded-For before.
% for each in claims:
    RequestHeader unset {{!each}}
% end
% for url, folder in static:

    Alias "{{!url}}/" {{folder + '/'}}
    <Directory {{granted(folder)}}>
        Options FollowSymLinks
        AllowOverride None
        Require all granted
    </Directory>
% end

{{!inner.rstrip()}}
</VirtualHost>
