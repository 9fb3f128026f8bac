# {{!plan.name}}: {{!plan.app}} in Kubernetes, from the image that "deploy docker" builds and the cluster can pull.
#   kubectl apply -f kubernetes.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{plan.name}}
  labels:
    app.kubernetes.io/name: {{plan.name}}
spec:
% if most == plan.instances:
  replicas: {{!plan.instances}}
% else:
  # No replicas: the HorizontalPodAutoscaler below says how many there are.
% end
  selector:
    matchLabels:
      app.kubernetes.io/name: {{plan.name}}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0  # an instance goes when its successor is ready
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {{plan.name}}
    spec:
      # {{!leaving}} s in preStop + {{!grace}} s of --graceful-timeout + {{!spare}} s to end: change them together.
      terminationGracePeriodSeconds: {{!leaving + grace + spare}}
      automountServiceAccountToken: false
      enableServiceLinks: false  # the variables of a Service called bottle would be options of the server
      securityContext:
        runAsNonRoot: true
        runAsUser: {{!user}}
        runAsGroup: {{!user}}
        seccompProfile:
          type: RuntimeDefault
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: {{plan.name}}
      containers:
        - name: {{plan.name}}
          image: {{image}}  # change: with its registry, and a tag of its own for each release
          # Nobody's forwarded headers are believed, so that clients cannot lie: to the application they have the address
          # and the scheme of the Ingress. Add "--trusted-proxies", "NETWORK" with the network of the Ingress's pods.
          command: [{{!', '.join(command[:3])}}]
          args: [{{!', '.join(command[3:])}}]
% if plan.env:
          env:  # no secrets here: a Secret, and envFrom
%   for name, value in plan.env:
            - name: {{name}}
              value: {{!literal(value)}}
%   end
% end
          ports:
            - name: http
              containerPort: {{!plan.port}}
          startupProbe:  # up to a minute to start
            httpGet: {path: {{plan.health}}, port: http}
            periodSeconds: 1
            timeoutSeconds: 2
            failureThreshold: 60
          readinessProbe:
            httpGet: {path: {{plan.health}}, port: http}
            periodSeconds: 5
            timeoutSeconds: 2
            failureThreshold: 2
          livenessProbe:  # patient: to restart what is merely overloaded makes it worse
            httpGet: {path: {{plan.health}}, port: http}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          lifecycle:
            preStop:
              sleep:  # it still serves while the proxies of the cluster learn that it is leaving
                seconds: {{!leaving}}
          resources:  # change: to what was measured; autoscaling is in percent of requests
            requests:
              cpu: {{!250 * processes}}m
              memory: {{!128 * processes}}Mi
            limits:
              memory: {{!512 * processes}}Mi
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: tmp  # uploads pass through it
          emptyDir: {}
---
apiVersion: v1
kind: Service
metadata:
  name: {{plan.name}}
  labels:
    app.kubernetes.io/name: {{plan.name}}
spec:
  selector:
    app.kubernetes.io/name: {{plan.name}}
  ports:
    - name: http
      port: 80
      targetPort: http
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{plan.name}}
  labels:
    app.kubernetes.io/name: {{plan.name}}
  # Of the controllers called nginx: F5's, and ingress-nginx, which was maintained until March 2026. Others have their own.
  annotations:
    nginx.org/client-max-body-size: "{{!plan.max_body}}"
    nginx.org/proxy-read-timeout: "{{!timeout}}s"
    nginx.org/proxy-send-timeout: "{{!timeout}}s"
    nginx.org/proxy-buffering: "false"  # streams reach the client as they come
    nginx.ingress.kubernetes.io/proxy-body-size: "{{!plan.max_body}}"
    nginx.ingress.kubernetes.io/proxy-read-timeout: "{{!timeout}}"
    nginx.ingress.kubernetes.io/proxy-send-timeout: "{{!timeout}}"
spec:
  ingressClassName: nginx  # change: kubectl get ingressclass
% if plan.tls:
  tls:
    # kubectl create secret tls {{!secret}} {{!certificate}}
    - secretName: {{secret}}
%   if plan.host:
      hosts: [{{!', '.join(hosts)}}]
%   end
% end
  rules:
% for host in hosts or ('',):
    - {{!f'host: {host}' if host else '# any host'}}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{plan.name}}
                port:
                  name: http
% end
% if most != plan.instances:
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{plan.name}}
  labels:
    app.kubernetes.io/name: {{plan.name}}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{plan.name}}
  minReplicas: {{!plan.instances}}
  maxReplicas: {{!most}}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 70
% end
% if plan.instances > 1:
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{plan.name}}
  labels:
    app.kubernetes.io/name: {{plan.name}}
spec:
  maxUnavailable: 1  # when nodes are drained
  selector:
    matchLabels:
      app.kubernetes.io/name: {{plan.name}}
% end
