# On Debian and Ubuntu of the package lighttpd-mod-openssl
ssl.engine = "enable"
ssl.pemfile = {{plan.certfile}}
ssl.privkey = {{plan.keyfile or plan.certfile}}
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2")
