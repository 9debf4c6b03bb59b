{{/* Which values of the cache go together. */}}

{{- define "chorus.redisChecks" -}}
{{- $redis := .Values.cache.redis }}
{{- $secret := $redis.existingSecret | default dict }}
{{- if and $redis.enabled $redis.url }}
{{- fail "cache.redis.enabled and cache.redis.url exclude each other; bring a Redis, or name one." }}
{{- end }}
{{- if and $redis.enabled $secret.urlKey }}
{{- fail "cache.redis.enabled and cache.redis.existingSecret.urlKey exclude each other; bring a Redis, or name one." }}
{{- end }}
{{- if and $redis.url $secret.urlKey }}
{{- fail "cache.redis.url and cache.redis.existingSecret.urlKey exclude each other; give one URL." }}
{{- end }}
{{- if regexMatch "^[a-z+]+://[^/]*@" ($redis.url | default "") }}
{{- fail "cache.redis.url has a user or a password; anybody may read values. Put the URL into a secret, and name it in cache.redis.existingSecret." }}
{{- end }}
{{- range include "chorus.redisPorts" . | fromJsonArray }}
{{- if or (lt (int .) 1) (gt (int .) 65535) }}
{{- fail (printf "cache.redis.url names port %d; ports go from 1 to 65535." (int .)) }}
{{- end }}
{{- end }}
{{- if and $redis.enabled (eq (include "chorus.redisName" .) (include "chorus.fullname" .)) }}
{{- fail (printf "cache.redis.fullnameOverride is %s, which is the name of the service." $redis.fullnameOverride) }}
{{- end }}
{{- if and $redis.sharedWith (not $redis.enabled) }}
{{- fail "cache.redis.sharedWith is set, but the Redis of this release is not enabled." }}
{{- end }}
{{- if not (include "chorus.hasRedis" .) }}
{{- range $name := list "waitFor" "required" "prefix" "timeout" "existingSecret" }}
{{- if index $redis $name }}
{{- fail (printf "cache.redis.%s is set, but there is no Redis; set cache.redis.enabled or cache.redis.url." $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
