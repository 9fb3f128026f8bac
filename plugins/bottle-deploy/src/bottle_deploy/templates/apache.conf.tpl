# A whole Apache for this site alone, to try and to check it: apache2 -d . -f httpd.conf -DFOREGROUND
# Where Apache runs already, enable {{!plan.name}}.conf there and leave this file out.
# The modules are where Debian and Ubuntu have them; Fedora: /usr/lib64/httpd/modules.
Define modules /usr/lib/apache2/modules
% for each in loaded:
LoadModule {{!each}}_module ${modules}/mod_{{!each}}.so
% end
# Of effect only when it is started by root
User {{!user}}
Group {{!user}}
ServerName {{!names[0]}}
DefaultRuntimeDir .
PidFile httpd.pid
ErrorLog /dev/stderr
TypesConfig /etc/mime.types
<Directory "/">
    Require all denied
</Directory>
% if packaged:
Listen {{!address}}
% end
Include {{!plan.name}}.conf
