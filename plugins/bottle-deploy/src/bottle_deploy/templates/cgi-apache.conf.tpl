    ScriptAlias "/" {{script + '/'}}
    <Directory {{granted(plan.directory)}}>
        <Files {{!plan.name}}.cgi>
            CGIPassAuth On
            Require all granted
        </Files>
    </Directory>
    # Since 2.4.59 Apache drops the Content-Length of scripts unless told that they are to be trusted with it.
    SetEnv ap_trust_cgilike_cl 1
    # Seconds that the script may keep Apache waiting; clients have the same.
    TimeOut {{!timeout}}
