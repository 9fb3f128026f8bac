% if plan.is_local:
# Start it in {{!plan.directory}}, or have systemd do it (deploy systemd ... --server flup):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: python -m bottle {{!' '.join(plan.arguments('ADDRESS'))}}
% end
# Whoever can connect there can say anything about a request: let nobody but the web server.
% if plan.sockets and plan.is_local:
# So the folder of the sockets lets it in, and what is made in it is of its group (Debian: www-data):
#   install -d -m 2750 -o USER-OF-THE-INSTANCES -g www-data {{plan.sockets}}
% end
