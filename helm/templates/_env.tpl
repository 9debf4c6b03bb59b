{{/* Environment of containers, as lists in YAML. */}}

{{/* All that the service is told, but for what is extra. */}}
{{- define "chorus.env" -}}
- {name: CHORUS_PROFILE, value: {{ include "chorus.servedProfile" . | quote }}}
- {name: CHORUS_PORT, value: '8080'}
- {name: CHORUS_ADMIN_PORT, value: '9090'}
- {name: CHORUS_SHUTDOWN_TIMEOUT, value: {{ printf "%ds" (int .Values.shutdown.drainSeconds) }}}
{{- if ne .Values.models.source "image" }}
- {name: HF_HOME, value: /models}
{{- end }}
{{- if eq .Values.models.source "volume" }}
- {name: CHORUS_MODELS_DIR, value: /models}
{{- end }}
{{- if .Values.index.volume }}
- {name: CHORUS_INDEX_DIR, value: /index}
{{- end }}
{{- with include "chorus.storeEnv" . | trim }}
{{ . }}
{{- end }}
{{- if and .Values.gpu.count (not .Values.settings.device) }}
- {name: CHORUS_DEVICE, value: cuda}
{{- end }}
{{- if and (dig "requests" "cpu" "" .Values.resources) (not .Values.gpu.count) (not (hasKey .Values.settings "lanes")) }}
# Without a limit the service would see all cores of the node.
- name: CHORUS_LANES
  valueFrom:
    resourceFieldRef: {containerName: chorus, resource: requests.cpu, divisor: '1'}
{{- end }}
{{- with include "chorus.cacheEnv" . | trim }}
{{ . }}
{{- end }}
{{- with include "chorus.securityEnv" . | trim }}
{{ . }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: CHORUS_{{ snakecase $name | upper }}, value: {{ kindIs "float64" $value | ternary (int64 $value) $value | toString | quote }}}
{{- end }}
{{- end }}

{{/* Changes with the key of the store, as of `chorus.cacheChecksum`; empty without one. */}}
{{- define "chorus.storeChecksum" -}}
{{- with (.Values.index.store.keySecret | default dict).name }}
{{- lookup "v1" "Secret" (include "chorus.namespace" $) . | default dict | dig "data" dict | toJson | sha256sum }}
{{- end }}
{{- end }}

{{/* Where the index is, if it is in a store. */}}
{{- define "chorus.storeEnv" -}}
{{- with .Values.index.store.urls }}
- {name: CHORUS_INDEX_STORE, value: {{ join "," . | quote }}}
{{- with $.Values.index.store.name }}
- {name: CHORUS_INDEX_STORE_NAME, value: {{ . | quote }}}
{{- end }}
{{- with $.Values.index.store.timeout }}
- {name: CHORUS_INDEX_STORE_TIMEOUT, value: {{ . | quote }}}
{{- end }}
{{- with $.Values.index.store.keySecret }}
- name: CHORUS_INDEX_STORE_KEY
  valueFrom:
    secretKeyRef:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Files of keys and of the certificate. Whole folders are mounted: a file by itself would never change. */}}
{{- define "chorus.securityEnv" -}}
{{- if .Values.apiKeys.existingSecret }}
- {name: CHORUS_API_KEYS_FILE, value: /etc/chorus-keys/keys}
{{- end }}
{{- if .Values.tls.existingSecret }}
- {name: CHORUS_TLS_CERT_FILE, value: /etc/chorus-tls/tls.crt}
- {name: CHORUS_TLS_KEY_FILE, value: /etc/chorus-tls/tls.key}
{{- with .Values.tls.clientCaKey }}
- {name: CHORUS_TLS_CA_FILE, value: /etc/chorus-tls/{{ . }}}
{{- end }}
{{- end }}
{{- end }}

{{/* What `chorus pull` is told, but for what is extra. */}}
{{- define "chorus.pullEnv" -}}
- {name: HF_HOME, value: /models}
{{- with .Values.models.pull.endpoint }}
- {name: HF_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- with .Values.models.pull.tokenSecret }}
- name: HF_TOKEN
  valueFrom:
    secretKeyRef:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- end }}

{{/* The fields env and envFrom of a container: call with the root and its own environment, to which comes what is extra. */}}
{{- define "chorus.withExtraEnv" -}}
{{- $root := index . 0 -}}
env:
  {{- index . 1 | trim | nindent 2 }}
  {{- with $root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
