{{- define "labels" -}}
app.kubernetes.io/name: wattwerk
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/part-of: wattwerk
{{- end }}

{{- define "meta" -}}
name: {{ .root.Release.Name }}-{{ .name }}
labels:
  {{- include "labels" . | nindent 2 }}
{{- end }}

{{- define "selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "settings.single" -}}{{ tpl (.Files.Get "files/single.yaml") . }}{{- end }}
{{- define "settings.scaled" -}}{{ tpl (.Files.Get "files/scaled.yaml") . }}{{- end }}
{{- define "settings" -}}{{ if eq .Values.mode "single" }}{{ include "settings.single" . }}{{ else }}{{ include "settings.scaled" . }}{{ end }}{{- end }}
{{- define "settings.name" -}}{{ .Release.Name }}-settings-{{ include "settings" . | sha256sum | trunc 10 }}{{- end }}
{{- define "nats.name" -}}{{ .Release.Name }}-nats-{{ .Files.Get "files/nats.conf" | sha256sum | trunc 10 }}{{- end }}

{{- define "pod.security" -}}
serviceAccountName: {{ .root.Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "container.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ .hosts }}
    labelSelector:
      matchLabels:
        {{- include "selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "selector" . | nindent 8 }}
{{- end }}

{{- define "claim" -}}
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .className }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ .size }}}}
{{- end }}

{{- /* What a wattwerk container and its volumes are, wherever it runs. */ -}}
{{- define "program" -}}
name: wattwerk
image: {{ .root.Values.image.repository }}:{{ .root.Values.image.tag }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [run{{ if .modules }}, --modules, {{ .modules }}{{ end }}]
env:
  - {name: WATTWERK_CONFIG, value: /etc/wattwerk/wattwerk.yaml}
{{- if has "sql_url" .keys }}
  - {name: WATTWERK_SQL_URL_FILE, value: /run/secrets/sql_url}
{{- end }}
ports:
  - {name: http, containerPort: 8080}
{{ include "container.security" . }}
resources:
  {{- toYaml .resources | nindent 2 }}
# It answers when everything has started; a long history takes long.
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 5
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 6
  failureThreshold: 2
volumeMounts:
  - {name: settings, mountPath: /etc/wattwerk, readOnly: true}
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
{{- if .keys }}
  - {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- end }}
{{- end }}

{{- define "program.volumes" -}}
- name: settings
  configMap: {name: {{ include "settings.name" .root }}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if .keys }}
- name: secrets
  secret:
    secretName: {{ .root.Values.secret }}
    defaultMode: 0440
    items:
      {{- range .keys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}
