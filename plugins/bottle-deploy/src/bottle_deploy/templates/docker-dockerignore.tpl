# What stays out of the image: history, secrets and environments (names with a dot), keys, caches, and these files.
# Needed nevertheless? Say so in a line below: !static/.well-known
**/.*
**/*.key
**/__pycache__
venv
Dockerfile
compose.yaml
kubernetes.yaml
{{!name}}.conf
