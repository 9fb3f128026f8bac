# {{!plan.name}}: {{!plan.app}} behind lighttpd. This is the whole configuration: /etc/lighttpd/lighttpd.conf.
# To try it where it is: lighttpd -D -f lighttpd.conf
% if plan.is_local:
# Start the instances in {{!plan.directory}}, or have systemd do it (deploy systemd):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: --trusted-proxies ADDRESS-OF-THIS-MACHINE --health {{!plan.health}}
% end
% if plan.sockets:
# The folder of the sockets lets lighttpd in, and what is made in it is of lighttpd's group:
#   install -d {{!sockets}} -m 2750 -o USER-OF-THE-INSTANCES -g {{!user}}
% end

server.modules = ({{!', '.join(f'"mod_{each}"' for each in modules)}})
# Of effect only when it is started by root
server.username = {{user}}
server.groupname = {{user}}
server.document-root = "/nonexistent"  # the application answers everything
% if host:
server.bind = {{host}}
% end
server.port = {{!port}}
% if plan.tls:
# On Debian and Ubuntu of the package lighttpd-mod-openssl
ssl.engine = "enable"
ssl.pemfile = {{plan.certfile}}
ssl.privkey = {{plan.keyfile or plan.certfile}}
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2")
% end
% if not host:
# Without IPv6: remove this line
$SERVER["socket"] == "[::]:{{!port}}" {{!'{ ssl.engine = "enable" }' if plan.tls else '{ }'}}
% end
server.max-request-size = {{!kilobytes}}  # in 1024 bytes; 0 means any
server.stream-response-body = 1  # streams reach the client as they come
% if plan.host:

$HTTP["host"] !~ "{{!hosts}}" {
    url.access-deny = ("")
}
% end

# What clients say of themselves is removed, and lighttpd adds what it knows: nobody can pretend to be somebody else.
setenv.set-request-header = (
    "Forwarded" => "",
    "X-Forwarded-For" => "",
    "X-Forwarded-Port" => "",
    "X-Forwarded-Prefix" => "",
    "X-Real-IP" => "",
)

# In turns. An instance that cannot be reached is left out for a second, and another one gets the request. lighttpd does
# not ask for health, and does not repeat what an instance has already been sent.
proxy.balance = "round-robin"
proxy.server = ("" => (
% for each in members:
    ({{!each}}, "connect-timeout" => 2, "read-timeout" => {{!timeout}}, "write-timeout" => {{!timeout}}),
% end
))
% for url, folder, pattern in static:

$HTTP["url"] =~ "^{{!pattern}}/" {
    alias.url = ("{{!url}}/" => {{folder + '/'}})
    proxy.server = ()
}
% end
% if static:

index-file.names = ("index.html")
mimetype.assign = (
%   for suffix, kind in types.items():
    "{{!suffix}}" => "{{!kind}}",
%   end
)
% end
