server.max-request-size = {{!(plan.max_body + 1023) // 1024}}  # KiB; 0 means any
server.stream-response-body = 1  # pass on each piece of a response when it comes
# Nobody can pretend to be somebody else.
setenv.set-request-header = (
% for each in claims:
    "{{!each}}" => "",
% end
)
alias.url = (
% for url, folder in static:
    "{{!url}}/" => {{folder + '/'}},
% end
    "/" => {{script + '/'}},
)
cgi.assign = ({{script}} => "")
cgi.execute-x-only = "enable"
cgi.limits = ("read-timeout" => {{!timeout}}, "write-timeout" => {{!timeout}})
