{{/* What pods have in common. */}}

{{/* Who a pod of this image is, and where it runs: the service's, that of `helm test`, that which pulls. */}}
{{- define "chorus.podBasics" -}}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Over zones and hosts, each version for itself; or as it is told. */}}
{{- define "chorus.spread" -}}
{{- $constraints := .Values.topologySpreadConstraints }}
{{- if kindIs "invalid" $constraints }}
{{- $constraints = list }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
{{- $constraints = append $constraints (dict "topologyKey" . "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash")) }}
{{- end }}
{{- end }}
{{- $selector := dict "matchLabels" (include "chorus.selectorLabels" . | fromYaml) }}
{{- range $constraints }}
- {{ hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $selector) .) | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{/* An init or test container that runs a script of files/ with the image's own Node. Call with the root and the file. */}}
{{- define "chorus.script" -}}
{{- $root := index . 0 -}}
image: {{ include "chorus.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command:
  - node
  - --input-type=module
  - --eval
  - |
    {{- $root.Files.Get (index . 1) | nindent 4 }}
resources:
  requests: {cpu: 50m, memory: 64Mi}
  limits: {memory: 128Mi}
securityContext:
  {{- toYaml $root.Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* Volumes of the service's pod, but for those that are extra. */}}
{{- define "chorus.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with include "chorus.cacheSecrets" . | trim }}
- name: cache-secrets
  projected:
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- with .Values.apiKeys.existingSecret }}
- name: keys
  secret: {secretName: {{ .name }}, defaultMode: 0440, items: [{key: {{ .key }}, path: keys}]}
{{- end }}
{{- with .Values.tls.existingSecret }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- if ne .Values.models.source "image" }}
- {{ include "chorus.modelsVolume" . | nindent 2 | trim }}
{{- end }}
{{- with .Values.index.volume }}
- name: index
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and .Values.profile.inline (not .Values.models.pull.job.enabled) }}
- name: profile
  configMap: {name: {{ include "chorus.profileConfigMap" . }}}
{{- end }}
{{- end }}

{{/* Where the service has them, but for those that are extra. */}}
{{- define "chorus.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if ne .Values.models.source "image" }}
- {name: models, mountPath: /models, readOnly: true}
{{- end }}
{{- if .Values.index.volume }}
- {name: index, mountPath: /index, readOnly: true}
{{- end }}
{{- if and .Values.profile.inline (ne .Values.models.source "pull") }}
- {name: profile, mountPath: /etc/chorus, readOnly: true}
{{- end }}
{{- if include "chorus.cacheSecrets" . }}
- {name: cache-secrets, mountPath: /etc/chorus-cache, readOnly: true}
{{- end }}
{{- if .Values.apiKeys.existingSecret }}
- {name: keys, mountPath: /etc/chorus-keys, readOnly: true}
{{- end }}
{{- if .Values.tls.existingSecret }}
- {name: tls, mountPath: /etc/chorus-tls, readOnly: true}
{{- end }}
{{- end }}

{{/* Init containers of the service's pod, but for those that are extra. */}}
{{- define "chorus.initContainers" -}}
{{- if .Values.cache.redis.waitFor }}
{{ include "chorus.verifyRedis" (list . "verify-redis-dns" "--dns") }}
{{ include "chorus.verifyRedis" (list . "verify-redis-ready") }}
{{- end }}
{{- range .Values.waitFor }}
- name: wait-for-{{ .name }}
  {{- include "chorus.script" (list $ "files/wait-for.mjs") | nindent 2 }}
  env:
    - {name: HOST, value: {{ .host | quote }}}
    - {name: PORT, value: {{ .port | quote }}}
    - {name: TIMEOUT_SECONDS, value: {{ $.Values.waitTimeoutSeconds | quote }}}
{{- end }}
{{- if eq .Values.models.source "pull" }}
{{ ternary (include "chorus.waitForModels" .) (include "chorus.pull" (list . "/models")) .Values.models.pull.job.enabled }}
{{- end }}
{{- end }}
