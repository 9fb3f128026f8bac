# {{!plan.name}}: {{!plan.app}} behind Pound 4. This is the whole configuration: /etc/pound/pound.cfg
% if plan.is_local:
# Start the instances in {{!plan.directory}}, or have systemd do it (deploy systemd):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: python -m bottle {{!' '.join(plan.arguments('', trusted='ADDRESS-OF-THIS-MACHINE'))}}
% end
% if plan.sockets and plan.is_local:
# The folder of the sockets lets Pound in, and what is made in it is of Pound's group (Debian: www-data):
#   install -d -m 2750 -o USER-OF-THE-INSTANCES -g www-data {{!plan.sockets}}
% end

% if plan.user:
User {{plan.user}}
Group {{plan.user}}
% else:
# Where root starts it, as systemd does: User "www-data", and Group "www-data"
% end
WorkerMaxCount 1024  # connections of clients, a thread for each
ConnTO 2
TimeOut {{!timeout}}
Alive 2  # seconds until an instance that could not be reached is tried again
Grace {{!grace}}  # seconds for what still runs after SIGINT; SIGTERM cuts it

CombineHeaders
    "X-Forwarded-For"
End

{{!'ListenHTTPS' if plan.tls else 'ListenHTTP'}}
% if host:
    Address {{host}}
% else:
    Address "::"  # and IPv4; without IPv6: "0.0.0.0"
% end
    Port {{!port}}
% if plan.tls:
    Cert {{plan.certfile}}  # the certificate, its chain and the key, in one file
    Disable TLSv1_1  # and everything before it
    Ciphers "ECDHE+AESGCM:ECDHE+CHACHA20"
    HeaderOption no-ssl
% end
    xHTTP 2  # all the usual methods; OPTIONS is among those of WebDAV
% if plan.max_body:
    MaxRequest {{!plan.max_body}}  # bytes
% end
    # What clients say of themselves in these headers is removed: nobody can pretend to be somebody else. By now, Pound
    # has added the client's address to X-Forwarded-For, if need be in brackets: of that list the last one stays.
    DeleteHeader -icase "^(Forwarded|X-Real-IP|X-Forwarded-[^F][^:]*):"
    Rewrite
        Header -re -icase "^X-Forwarded-For:(.*,)?[[:space:]]*[[]?([0-9a-f.:]+)[]]?$"
        SetHeader "X-Forwarded-For: $2"
    Else
        DeleteHeader -icase "^X-Forwarded-For:"
    End
    SetHeader "X-Forwarded-Proto: {{!'https' if plan.tls else 'http'}}"

    Service {{plan.name}}
% if plan.host:
        Host -re -icase {{hosts}}
% end
        Balancer iwrr  # in turn
        # Where an instance cannot be reached, the next one is asked. A request that was sent is never sent again: those
        # that an instance had when it was killed are answered with an error.
% for each in plan.backends:
        Backend
            Address {{each.path or each.host}}
%   if not each.path:
            Port {{!each.port}}
%   end
        End
% end
    End
% if plan.host:

    Service "unknown-host"
        Error 404
    End
% end
End
