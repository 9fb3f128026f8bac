# What stays out of the image: history, secrets and environments (names with a dot), keys, caches, these files, what is written.
# Needed nevertheless? Say so in a line below: !static/.well-known
**/.*
**/*.key
**/__pycache__
venv
Dockerfile
compose.yaml
kubernetes.yaml
{{!plan.name}}.conf
% for each in folders:
{{!each}}
% end
