# A whole lighttpd for this site alone, to try and to check it: lighttpd -D -f lighttpd.conf
# Where lighttpd runs already, enable {{!name}} there, which is repeated below, and leave this file out.
server.bind = {{address[0]}}
server.port = {{!address[1]}}
server.document-root = "/nonexistent"  # the site answers everything
# Of effect only when it is started by root; the user of Debian and Ubuntu.
server.username = "www-data"
server.groupname = "www-data"
mimetype.assign = (".css" => "text/css", ".html" => "text/html", ".js" => "text/javascript", ".svg" => "image/svg+xml")

