    # Processes and threads of {{!plan.name}}. The environment must be one of the Python that mod_wsgi was built for.
    WSGIDaemonProcess {{!plan.name}}{{!f' processes={plan.workers}' if plan.workers else ''}} threads={{!plan.threads or 15}} \
        python-home={{home}} lang=C.UTF-8 locale=C.UTF-8 \
        {{!f'user={plan.user} group={plan.user} ' if plan.user else ''}}display-name=%{GROUP} \
        graceful-timeout={{!grace}} shutdown-timeout={{!grace}} request-timeout={{!timeout}} socket-timeout={{!timeout}}
    WSGIScriptAlias "/" {{script}} process-group={{!plan.name}} application-group=%{GLOBAL}
    <Directory {{granted(plan.directory)}}>
        <Files app.wsgi>
            Require all granted
        </Files>
    </Directory>
    WSGIPassAuthorization On
    WSGIChunkedRequest On
