# {{!plan.name}}: {{!plan.app}} behind Caddy. This is the whole configuration: /etc/caddy/Caddyfile
% if plan.is_local:
# Start the instances in {{!plan.directory}}, or have systemd do it (deploy systemd):
%   for command in plan.commands():
#   {{!command}}
%   end
% else:
# Start each instance with: python -m bottle {{!' '.join(plan.arguments('', trusted='ADDRESS-OF-THIS-MACHINE'))}}
% end
% if plan.sockets and plan.is_local:
# The folder of the sockets lets Caddy in, and what is made in it is of Caddy's group (Debian: caddy):
#   install -d -m 2750 -o USER-OF-THE-INSTANCES -g caddy {{!plan.sockets}}
% end
{
	admin off
% if not automatic:
	auto_https off
% end
	grace_period {{!grace}}
	servers {
		timeouts {
			read_header 10s
		}
	}
}

% if automatic:
# Caddy gets the certificates of these names by itself and renews them (ACME: Let's Encrypt, ZeroSSL), for which the
# names must lead here; and it redirects HTTP to HTTPS. Not wanted: --listen :80 for HTTP alone, --certfile for your own.
% end
{{!', '.join(addresses)}} {
% if host:
	bind {{host}}
% end
% if plan.tls:
	tls {{plan.certfile}} {{plan.keyfile or plan.certfile}}
% end
% if plan.max_body:
	request_body {
		max_size {{!plan.max_body}} # bytes
	}
	@large `{header.Content-Length} != "" && int({header.Content-Length}) > {{!plan.max_body}}`
	handle @large {
		respond 413
	}

% end
	# What clients say of themselves in these headers is removed: nobody can pretend to be somebody else. Caddy sets
	# X-Forwarded-For, -Proto and -Host anew.
	request_header -Forwarded
	request_header -X-Real-IP
	request_header -X-Forwarded-*
% for url, folder in plan.static:

	handle_path {{!url}}/* {
		root * {{folder}}
		file_server
	}
% end

	handle {
		reverse_proxy {
% for each in upstreams:
			to {{each}}
% end
			lb_policy round_robin
			# An instance that is not ready is left out. No fail_duration: with it, a client that breaks off its uploads puts
			# all instances out of service.
			health_uri {{!plan.health}}
			health_interval 1s
			health_timeout 5s # long enough for servers with one thread, which answer after the request that runs
			# GET and the like are tried again; until the next look at its health, a dead instance has its turn as well.
			# What may have had an effect is not tried again.
			lb_retries 20
			lb_try_interval 50ms
			lb_try_duration 10s
			lb_retry_match {
				method GET HEAD OPTIONS
			}
			flush_interval -1 # streams reach the client as they come
			transport http {
% if not plan.keeps_connections:
				keepalive off # each would hold a thread of the instance
% end
				dial_timeout 2s
				response_header_timeout {{!timeout}}
				read_timeout {{!timeout}}
				write_timeout {{!timeout}}
				compression off
			}
		}
	}
}
% if strangers:

# Any other host name.
{{!strangers}} {
%   if host:
	bind {{host}}
%   end
%   if plan.tls:
	tls {{plan.certfile}} {{plan.keyfile or plan.certfile}}
%   end
	respond 421
}
% end
