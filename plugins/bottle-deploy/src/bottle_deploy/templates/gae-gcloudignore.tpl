# What stays at home; the rest of this folder is uploaded.
.gcloudignore
.git
.gitignore
.env
.venv/
venv/
__pycache__/
