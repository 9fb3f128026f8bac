# {{!plan.name}}: {{!plan.app}} on one machine, behind nginx. In the folder of the application:
#   docker compose up --build --detach --wait
# A new release without a gap, one instance after the other; the front sends nobody to who is leaving:
#   docker compose build && for each in {{!' '.join(name for name, _ in instances)}}; do docker compose up --detach --wait --no-deps $each; done
x-instance: &instance
  build: .
  image: {{image}}
  # Only the front is believed when it says whom it speaks for; the address is its own, see below.
  command: [{{!command}}]
% if plan.env:
  environment:  # no secrets here: env_file, or secrets
%   for name, value in plan.env:
    {{name}}: {{value}}
%   end
% end
% if volumes:
  volumes:  # of all instances together
%   for name, folder in volumes:
    - {type: volume, source: {{!name}}, target: {{folder}}}
%   end
% end
  restart: unless-stopped
  stop_grace_period: {{!grace}}s  # --graceful-timeout and some: change them together
  read_only: true
  tmpfs: [/tmp]  # memory; uploads pass through it: a volume where they are large
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]

services:
  front:
    image: nginx:stable
    depends_on:  # as the image's HEALTHCHECK says
% for name, _ in instances:
      {{name}}: {condition: service_healthy}
% end
    ports: [{{published}}]
    volumes:
      - {type: bind, source: {{f'./{plan.name}.conf'}}, target: /etc/nginx/conf.d/default.conf, read_only: true}
% for source, target in folders:
      - {type: bind, source: {{source}}, target: {{target}}, read_only: true}
% end
    restart: unless-stopped
    stop_grace_period: {{!grace}}s
    security_opt: ["no-new-privileges:true"]
    networks: {default: {ipv4_address: {{front}}}}

% for name, address in instances:
  {{name}}:
    <<: *instance
    networks: {default: {ipv4_address: {{address}}}}
% end

# Fixed addresses below .128, so that they stay true when a container is replaced. Is this network taken on your machine?
# Then give --name another value, or change {{!network}} here and in {{!plan.name}}.conf.
networks:
  default:
    ipam:
      config:
        - subnet: {{f'{network}.0/24'}}
          ip_range: {{f'{network}.128/25'}}
% if volumes:

volumes:
%   for name, _ in volumes:
  {{!name}}:
%   end
% end
