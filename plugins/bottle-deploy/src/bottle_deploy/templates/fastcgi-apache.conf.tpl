{{!indent(starting, '    ')}}
    <Proxy "balancer://{{!plan.name}}">
% for each in members:
        BalancerMember {{each}} connectiontimeout=2 timeout={{!timeout}} retry=2 flushpackets=on
% end
    </Proxy>
% for url, folder in static:
    ProxyPass "{{!url}}/" "!"
% end
    ProxyPass "/" "balancer://{{!plan.name}}/"
    # The application is at the root of the site, and all of the path is its own.
    ProxyFCGISetEnvIf "true" SCRIPT_NAME ""
    ProxyFCGISetEnvIf "true" PATH_INFO "%{REQUEST_URI}"
    # Since 2.4.59 Apache drops the Content-Length of applications unless told that they are to be trusted with it.
    SetEnv ap_trust_cgilike_cl 1
    <Location "/">
        CGIPassAuth On
    </Location>
