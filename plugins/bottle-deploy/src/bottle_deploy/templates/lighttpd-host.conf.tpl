# {{!plan.name}}: {{!plan.app}} inside lighttpd. On Debian: conf-available/{{!name}}, then
#   lighty-enable-mod {{!name.removesuffix('.conf')}}

server.modules += ({{!', '.join(f'"mod_{each}"' for each in modules)}})

{{!inner.rstrip()}}
