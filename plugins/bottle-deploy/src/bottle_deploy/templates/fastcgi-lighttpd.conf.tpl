{{!starting}}
server.max-request-size = {{!(plan.max_body + 1023) // 1024}}  # KiB; 0 means any
server.stream-response-body = 1  # pass on each piece of a response when it comes
# Nobody can pretend to be somebody else.
setenv.set-request-header = (
% for each in claims:
    "{{!each}}" => "",
% end
)
% if len(plan.backends) > 1:
fastcgi.balance = "round-robin"
% end
# Each is at the root of the site, and all of the path is its own.
fastcgi.server = ("/" => (
% for each in plan.backends:
    (
%   if each.path:
        "socket" => {{each.path}},
%   else:
        "host" => {{each.host}}, "port" => {{!each.port}},
%   end
        "check-local" => "disable", "fix-root-scriptname" => "enable",
        "connect-timeout" => 2, "read-timeout" => {{!timeout}}, "write-timeout" => {{!timeout}},
    ),
% end
))
% for url, folder in static:
$HTTP["url"] =~ "^{{!literal(url)}}/" {
    fastcgi.server = ()
    alias.url = ("{{!url}}/" => {{folder + '/'}})
}
% end
