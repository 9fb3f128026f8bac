# {{!plan.name}}: {{!plan.app}} on {{!plan.server}}. Put this and {{!unit}}.socket into /etc/systemd/system/, then:
#   systemctl daemon-reload && systemctl enable --now {{!' '.join(instances)}}
# A restart refuses nobody: requests that run are finished, and new connections wait in the queue of the socket.
% if several:
# One after the other: {{!' && '.join(f'systemctl restart {each}' for each in instances)}}
% end
[Unit]
Description={{!plan.name}}: {{!plan.app}}{{!' (%i)' if several else ''}}
Requires={{!socket}}
# Until its requests are finished, the network is there.
After=network.target
# It is started again however often it fails: what it needs may come back, and systemd would close the socket.
StartLimitIntervalSec=0

[Service]
# Nothing has to wait until it is ready: the socket listens before.
Type=exec
WorkingDirectory={{!directory}}
Environment=PYTHONUNBUFFERED=1
% for name, value in plan.env:
Environment={{f'{name}={value}'}}
% end
# Anybody can read this file; secrets belong into one that only root can: lines of NAME=VALUE.
#EnvironmentFile=/etc/{{!plan.name}}.env
ExecStart={{!command}}
% if plan.workers:
# systemctl reload: new workers with the new code, then the old ones go; nothing is lost.
ExecReload=/bin/kill -HUP $MAINPID
% end
Restart=on-failure
RestartSec=2
# SIGTERM to the parent alone, which lets requests run for up to {{!f'{plan.graceful_timeout:g}'}} s (--graceful-timeout); then SIGKILL to all.
KillMode=mixed
TimeoutStopSec={{!stop_timeout}}

% if plan.user:
User={{!user}}
% else:
# A user that exists only while it runs. Where it needs one that owns files: --user NAME.
DynamicUser=yes
User={{!user}}
% end
UMask=0027

# It can write to /var/lib/{{!plan.name}}, which it finds in $STATE_DIRECTORY, and to a /tmp of its own.
StateDirectory={{!plan.name}}
% if plan.writable:
# And here, where {{!user}} must be the owner:
%   for folder in plan.writable:
ReadWritePaths={{folder}}
%   end
% else:
# Where it keeps its database elsewhere, add the folder: --writable DIR --user NAME.
% end
ProtectSystem=strict
% if in_home:
# The application, or its Python, is in a home.
ProtectHome=read-only
% else:
ProtectHome=yes
% end
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes

NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
# What is refused is an error for the program, not its end.
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# MemoryDenyWriteExecute=yes is not here: callbacks of ctypes and cffi, and compilers at run time, need such memory.

[Install]
WantedBy=multi-user.target
Also={{!socket}}
