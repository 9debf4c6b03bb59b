{{/* What is in a pod, beside the chart's own, and how it ends. */}}
{{- define "chorus.podChecks" -}}
{{- if and (eq .Values.dnsPolicy "None") (not (get (.Values.dnsConfig | default dict) "nameservers")) }}
{{- fail "dnsPolicy is None; it needs dnsConfig.nameservers." }}
{{- end }}
{{- include "chorus.shutdownChecks" . }}
{{- include "chorus.envChecks" . }}
{{- include "chorus.containerChecks" . }}
{{- include "chorus.volumeChecks" . }}
{{- end }}

{{/* The service answers what it has accepted within answerTimeout, what comes during drainDelay too. */}}
{{- define "chorus.shutdownChecks" -}}
{{- $stop := .Values.shutdown }}
{{- $answer := .Values.settings.answerTimeout | default "30s" }}
{{- $delay := .Values.settings.drainDelay | default "0s" }}
{{- $needed := add (include "chorus.milliseconds" $answer) (include "chorus.milliseconds" $delay) }}
{{- if and (ne (int $needed) 0) (gt (int64 $needed) (mul 1000 $stop.drainSeconds)) }}
{{- fail (printf "shutdown.drainSeconds is %d; a request may take settings.answerTimeout = %s after settings.drainDelay = %s, and would be cut off. Raise the one or lower the others." (int $stop.drainSeconds) $answer $delay) }}
{{- end }}
{{- $grace := add $stop.delaySeconds $stop.drainSeconds 5 }}
{{- if lt (int $stop.gracePeriodSeconds) (int $grace) }}
{{- fail (printf "shutdown.gracePeriodSeconds is %d; it must be at least delaySeconds + drainSeconds + 5 = %d, or requests are cut off." (int $stop.gracePeriodSeconds) (int $grace)) }}
{{- end }}
{{- end }}

{{/* Of two variables of one name Helm 3 lets the last win, and Helm 4 fails. */}}
{{- define "chorus.envChecks" -}}
{{- $env := include "chorus.env" . }}
{{- if eq .Values.models.source "pull" }}
{{- $env = printf "%s\n%s" $env (include "chorus.pullEnv" .) }}
{{- end }}
{{- $own := list }}
{{- range fromYamlArray $env }}
{{- $own = append $own .name }}
{{- end }}
{{- $seen := list }}
{{- range .Values.extraEnv }}
{{- if has .name $own }}
{{- fail (printf "extraEnv has %s, which the chart sets; change the value that it comes from." .name) }}
{{- end }}
{{- if has .name $seen }}
{{- fail (printf "extraEnv has %s twice." .name) }}
{{- end }}
{{- $seen = append $seen .name }}
{{- include "chorus.envValueChecks" . }}
{{- end }}
{{- end }}

{{/*
What has a value of its own goes through that, or neither checks nor network policies know of it. A setting may come from
elsewhere, which no value can say. Call with one of extraEnv.
*/}}
{{- define "chorus.envValueChecks" -}}
{{- $value := get (include "chorus.envValues" . | fromYaml) .name }}
{{- if and (not $value) (hasPrefix "CHORUS_" .name) (not .valueFrom) (ne .name "CHORUS_ORT_LIBRARY") }}
{{- $value = printf "settings.%s" (trimPrefix "CHORUS_" .name | lower | replace "_" " " | title | nospace | untitle) }}
{{- end }}
{{- if has .name (list "CHORUS_HOST" "CHORUS_ADMIN_HOST") }}
{{- fail (printf "extraEnv has %s; probes and services need every address, so leave it out." .name) }}
{{- end }}
{{- if $value }}
{{- fail (printf "extraEnv has %s, around what the chart checks of it; set %s." .name $value) }}
{{- end }}
{{- if and (regexMatch "^(?i)https?_proxy$" .name) .value (not (regexMatch "^(?i)https?://" .value)) }}
{{- fail (printf "extraEnv has %s = %s, which is no URL; it must be one such as http://%s." .name .value (regexReplaceAll "^[a-z0-9+.-]*://" .value "")) }}
{{- end }}
{{- end }}

{{/* The values that other environment than settings comes from. A test compares this with the settings. */}}
{{- define "chorus.envValues" -}}
CHORUS_API_KEYS_FILE: apiKeys.existingSecret
CHORUS_CACHE_BYPASS: cache.bypass
CHORUS_CACHE_REDIS_PASSWORD: cache.redis.existingSecret
CHORUS_CACHE_REDIS_PASSWORD_FILE: cache.redis.existingSecret
CHORUS_CACHE_REDIS_PREFIX: cache.redis.prefix
CHORUS_CACHE_REDIS_REQUIRED: cache.redis.required
CHORUS_CACHE_REDIS_TIMEOUT: cache.redis.timeout
CHORUS_CACHE_REDIS_URL: cache.redis.url or cache.redis.existingSecret
CHORUS_CACHE_SECRET: cache.existingSecret
CHORUS_CACHE_SECRET_FILE: cache.existingSecret
CHORUS_CACHE_SIZE: cache.size
CHORUS_CACHE_TTL: cache.ttl
CHORUS_INDEX_DIR: index.volume
CHORUS_INDEX_STORE: index.store.urls
CHORUS_INDEX_STORE_KEY: index.store.keySecret
CHORUS_INDEX_STORE_KEY_FILE: index.store.keySecret
CHORUS_INDEX_STORE_NAME: index.store.name
CHORUS_INDEX_STORE_TIMEOUT: index.store.timeout
CHORUS_MODELS_DIR: models.volume or persistence, which are at /models
CHORUS_PULL: models.source
CHORUS_TLS_CA_FILE: tls.clientCaKey
CHORUS_TLS_CERT_FILE: tls.existingSecret
CHORUS_TLS_KEY_FILE: tls.existingSecret
HF_ENDPOINT: models.pull.endpoint
HF_HOME: models.volume or persistence, which are at /models
HF_HUB_CACHE: models.volume or persistence, which are at /models
{{- end }}

{{- define "chorus.containerChecks" -}}
{{- $waits := list }}
{{- range .Values.waitFor }}
{{- if gt (len .name) 54 }}
{{- fail (printf "waitFor has the name %s of %d characters; 54 are the most." .name (len .name)) }}
{{- end }}
{{- if has .name $waits }}
{{- fail (printf "waitFor has %s twice; each needs a name of its own." .name) }}
{{- end }}
{{- $waits = append $waits .name }}
{{- end }}
{{- $names := list "chorus" }}
{{- range include "chorus.initContainers" . | fromYamlArray }}
{{- $names = append $names .name }}
{{- end }}
{{- range $path := list "extraInitContainers" "extraContainers" }}
{{- range index $.Values $path }}
{{- if has .name $names }}
{{- fail (printf "%s has %s, of which there is another in the pod." $path .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "chorus.volumeChecks" -}}
{{- $own := list "models" "tmp" "work" }}
{{- range include "chorus.volumes" . | fromYamlArray }}
{{- $own = append $own .name }}
{{- end }}
{{- $extra := list }}
{{- range .Values.extraVolumes }}
{{- if or (has .name $own) (has .name $extra) }}
{{- fail (printf "extraVolumes has %s, of which there is another in the pod." .name) }}
{{- end }}
{{- $extra = append $extra .name }}
{{- end }}
{{- $paths := list "/models" "/tmp" "/work" }}
{{- range include "chorus.volumeMounts" . | fromYamlArray }}
{{- $paths = append $paths .mountPath }}
{{- end }}
{{- range .Values.extraVolumeMounts }}
{{- if not (has .name $extra) }}
{{- fail (printf "extraVolumeMounts has %s, which extraVolumes has not." .name) }}
{{- end }}
{{- if has (trimSuffix "/" .mountPath) $paths }}
{{- fail (printf "extraVolumeMounts has %s, where the chart has another volume." .mountPath) }}
{{- end }}
{{- $paths = append $paths (trimSuffix "/" .mountPath) }}
{{- end }}
{{- end }}
