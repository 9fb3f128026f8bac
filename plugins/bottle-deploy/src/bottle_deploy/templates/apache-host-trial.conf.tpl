# A whole Apache for this site alone, to try and to check it: apache2 -d . -f httpd.conf -DFOREGROUND
# Where Apache runs already, enable {{!name}} there and leave this file out.
# The paths and the user are those of Debian and Ubuntu; Fedora has its modules in /usr/lib64/httpd/modules.
Define modules /usr/lib/apache2/modules
% for each in loaded:
LoadModule {{!each}}_module ${modules}/mod_{{!each}}.so
% end
User www-data
Group www-data
ServerName {{!plan.name}}
PidFile httpd.pid
DefaultRuntimeDir .
ErrorLog /dev/stderr
LogLevel warn
TypesConfig /etc/mime.types
<Directory />
    AllowOverride None
    Require all denied
</Directory>
% if packaged:
Listen {{!address}}
% end
Include {{!name}}
