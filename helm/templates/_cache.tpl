{{/* Where answers are kept: what the service is told of it, and the Redis that is brought. */}}

{{/* The Redis that is brought: its name, its labels, its image. */}}
{{- define "chorus.redisName" -}}
{{- .Values.cache.redis.fullnameOverride | default (printf "%s-redis" (include "chorus.fullname" .)) }}
{{- end }}

{{- define "chorus.redisSelectorLabels" -}}
{{- include "chorus.selectorLabelsOf" (list . "redis") }}
{{- end }}

{{- define "chorus.redisImage" -}}
{{- if .Values.cache.redis.image.digest }}
{{- printf "%s@%s" .Values.cache.redis.image.repository .Values.cache.redis.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.cache.redis.image.repository .Values.cache.redis.image.tag }}
{{- end }}
{{- end }}

{{/* The ports that pods reach of a Redis elsewhere, as JSON; behind Sentinels the server's usual one. */}}
{{- define "chorus.redisPorts" -}}
{{- $url := .Values.cache.redis.url | default (printf "redis://redis:%d" (int .Values.cache.redis.port)) }}
{{- $isSentinel := contains "+sentinel://" $url }}
{{- $ports := list }}
{{- range splitList "," (regexReplaceAll "^[a-z+]+://([^/]+).*$" $url "${1}") }}
{{- $named := regexFind "[0-9]+$" (regexFind ":[0-9]+$" .) }}
{{- $ports = append $ports ($named | default (ternary "26379" "6379" $isSentinel) | int) }}
{{- end }}
{{- if $isSentinel }}
{{- $ports = append $ports 6379 }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* Whether there is any Redis: empty, or not. */}}
{{- define "chorus.hasRedis" -}}
{{- if or .Values.cache.redis.enabled .Values.cache.redis.url (.Values.cache.redis.existingSecret | default dict).urlKey }}yes{{ end }}
{{- end }}

{{/* The secret with Redis's password, as {name, key} in JSON; empty where there is none. */}}
{{- define "chorus.redisPasswordSecret" -}}
{{- $given := .Values.cache.redis.existingSecret | default dict }}
{{- if $given.passwordKey }}
{{- dict "name" $given.name "key" $given.passwordKey | toJson }}
{{- else if .Values.cache.redis.enabled }}
{{- dict "name" (include "chorus.redisName" .) "key" "password" | toJson }}
{{- end }}
{{- end }}

{{/*
The password that the chart makes: that of the cluster, if it is there, so that an upgrade changes nothing. What is made
is kept for the other templates of this run, since each call would make another.
*/}}
{{- define "chorus.redisMadePassword" -}}
{{- $secret := lookup "v1" "Secret" (include "chorus.namespace" .) (include "chorus.redisName" .) | default dict }}
{{- $found := dig "data" "password" "" $secret | b64dec }}
{{- if not (hasKey .Values.cache.redis "madePassword") }}
{{- $_ := set .Values.cache.redis "madePassword" ($found | default (randAlphaNum 32)) }}
{{- end }}
{{- get .Values.cache.redis "madePassword" }}
{{- end }}

{{/*
Changes with the secrets that pods read once, when they start. They are looked up, so that an upgrade after one was
changed replaces the pods; `helm template` sees none of them.
*/}}
{{- define "chorus.cacheChecksum" -}}
{{- $secrets := list }}
{{- range list .Values.cache.existingSecret .Values.cache.redis.existingSecret }}
{{- with (. | default dict).name }}
{{- $secrets = append $secrets (lookup "v1" "Secret" (include "chorus.namespace" $) . | default dict | dig "data" dict) }}
{{- end }}
{{- end }}
{{- if and .Values.cache.redis.enabled (not (.Values.cache.redis.existingSecret | default dict).passwordKey) }}
{{- $secrets = append $secrets (include "chorus.redisMadePassword" .) }}
{{- end }}
{{- toJson $secrets | sha256sum }}
{{- end }}

{{/* Where Redis is and how it is spoken to, for the service and for what waits for it. */}}
{{- define "chorus.redisEnv" }}
{{- $secret := .Values.cache.redis.existingSecret | default dict }}
{{- $brought := printf "redis://%s:%d" (include "chorus.redisName" .) (int .Values.cache.redis.port) }}
{{- if $secret.urlKey }}
- name: CHORUS_CACHE_REDIS_URL
  valueFrom:
    secretKeyRef: {name: {{ $secret.name }}, key: {{ $secret.urlKey }}}
{{- else }}
- {name: CHORUS_CACHE_REDIS_URL, value: {{ .Values.cache.redis.url | default $brought | quote }}}
{{- end }}
{{- if include "chorus.redisPasswordSecret" . }}
- {name: CHORUS_CACHE_REDIS_PASSWORD_FILE, value: /etc/chorus-cache/redis-password}
{{- end }}
{{- end }}

{{/* What the service is told of its cache; empty where nothing is. */}}
{{- define "chorus.cacheEnv" -}}
{{- $secretFile := ternary "/etc/chorus-cache/secret" "" (not (empty .Values.cache.existingSecret)) }}
{{- include "chorus.cacheSetting" (list "SIZE" .Values.cache.size) }}
{{- include "chorus.cacheSetting" (list "TTL" .Values.cache.ttl) }}
{{- include "chorus.cacheSetting" (list "BYPASS" (ternary "true" "" .Values.cache.bypass)) }}
{{- include "chorus.cacheSetting" (list "SECRET_FILE" $secretFile) }}
{{- if include "chorus.hasRedis" . }}
{{- include "chorus.redisEnv" . }}
{{- include "chorus.cacheSetting" (list "REDIS_PREFIX" .Values.cache.redis.prefix) }}
{{- include "chorus.cacheSetting" (list "REDIS_TIMEOUT" .Values.cache.redis.timeout) }}
{{- include "chorus.cacheSetting" (list "REDIS_REQUIRED" (ternary "true" "" .Values.cache.redis.required)) }}
{{- end }}
{{- end }}

{{/* A setting of the cache by its name and value; nothing where the value is empty, and 0 is none. */}}
{{- define "chorus.cacheSetting" }}
{{- $value := index . 1 }}
{{- if and (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
- {name: CHORUS_CACHE_{{ index . 0 }}, value: {{ toString $value | quote }}}
{{- end }}
{{- end }}

{{/* Secrets of the cache as a volume's sources; empty where there are none. */}}
{{- define "chorus.cacheSecrets" -}}
{{- with include "chorus.redisPasswordSecret" . | fromJson }}
{{- if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: redis-password}]}
{{- end }}
{{- end }}
{{- with .Values.cache.existingSecret }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: secret}]}
{{- end }}
{{- end }}

{{/* An init container that asks Redis: call with the root, the container's name, and what else `chorus cache ping` is told. */}}
{{- define "chorus.verifyRedis" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  image: {{ include "chorus.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args: [cache, ping, {{ range slice . 2 }}{{ . }}, {{ end }}--wait, {{ $root.Values.waitTimeoutSeconds }}s]
  {{- include "chorus.withExtraEnv" (list $root (include "chorus.redisEnv" $root)) | nindent 2 }}
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 128Mi}
  securityContext:
    {{- toYaml $root.Values.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- if include "chorus.cacheSecrets" $root }}
    - {name: cache-secrets, mountPath: /etc/chorus-cache, readOnly: true}
    {{- end }}
    {{- with $root.Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
