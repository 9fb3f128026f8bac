ssl.engine = "enable"
ssl.pemfile = {{plan.certfile}}
ssl.privkey = {{plan.keyfile or plan.certfile}}
