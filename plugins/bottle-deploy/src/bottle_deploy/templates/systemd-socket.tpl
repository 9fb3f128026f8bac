# {{!plan.name}}: where it listens. systemd keeps this open while the service starts, restarts or fails.
[Unit]
Description={{!plan.name}}: the socket{{!' (%i)' if several else ''}}

[Socket]
% if plan.sockets:
ListenStream={{!listen}}
# The web server has to be in this group; on Fedora and its kin it is nginx or apache.
SocketGroup=www-data
SocketMode=0660
RemoveOnStop=yes
% else:
# For a balancer on another machine, this one's own address, and --trusted-proxies with the balancer's in the service.
ListenStream={{!listen}}
% end

[Install]
WantedBy=sockets.target
