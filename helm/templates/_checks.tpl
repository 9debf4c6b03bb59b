{{/* What values.schema.json cannot say: which values go together. */}}
{{- define "chorus.checks" -}}
{{- $stop := .Values.shutdown }}
{{- $needed := add $stop.delaySeconds $stop.drainSeconds 5 }}
{{- if lt (int $stop.gracePeriodSeconds) (int $needed) }}
{{- fail (printf "shutdown.gracePeriodSeconds is %d; it must be at least delaySeconds + drainSeconds + 5 = %d, or requests are cut off." (int $stop.gracePeriodSeconds) (int $needed)) }}
{{- end }}
{{- if and .Values.hpa.enabled .Values.keda.enabled }}
{{- fail "hpa.enabled and keda.enabled exclude each other; KEDA makes a HorizontalPodAutoscaler of its own." }}
{{- end }}
{{- range $name := list "hpa" "keda" }}
{{- $scaling := index $.Values $name }}
{{- if lt (int $scaling.maxReplicas) (int $scaling.minReplicas) }}
{{- fail (printf "%s.maxReplicas is %d; it must be at least %s.minReplicas = %d." $name (int $scaling.maxReplicas) $name (int $scaling.minReplicas)) }}
{{- end }}
{{- end }}
{{- if and .Values.hpa.enabled (not (dig "requests" "cpu" "" .Values.resources)) }}
{{- fail "hpa.enabled needs resources.requests.cpu; the target is a percentage of it." }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.keda.prometheus) }}
{{- fail "keda.enabled needs keda.prometheus, such as http://prometheus.monitoring:9090." }}
{{- end }}
{{- if and (eq .Values.models.source "image") .Values.models.volume }}
{{- fail "models.volume is set, but models.source is image; set it to volume or pull." }}
{{- end }}
{{- if and (ne .Values.models.source "image") (not .Values.models.volume) }}
{{- fail (printf "models.source is %s; it needs models.volume, such as {persistentVolumeClaim: {claimName: models}}." .Values.models.source) }}
{{- end }}
{{- if and (eq .Values.models.source "volume") (hasKey .Values.models.volume "emptyDir") }}
{{- fail "models.source is volume, but an emptyDir holds nothing; use source: pull." }}
{{- end }}
{{- if and .Values.profile.lock (not .Values.profile.inline) }}
{{- fail "profile.lock belongs to profile.inline, which is empty." }}
{{- end }}
{{- if and .Values.rollingUpdate (eq (toString .Values.rollingUpdate.maxSurge) "0") (eq (toString .Values.rollingUpdate.maxUnavailable) "0") }}
{{- fail "rollingUpdate.maxSurge and rollingUpdate.maxUnavailable are both 0; no pod could ever be replaced." }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- fail "ingress.enabled needs ingress.host." }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs, such as [{name: public, namespace: gateways}]." }}
{{- end }}
{{- if and .Values.virtualService.enabled (not .Values.virtualService.hosts) }}
{{- fail "virtualService.enabled needs virtualService.hosts." }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.metricsService.enabled) }}
{{- fail "serviceMonitor.enabled needs metricsService.enabled; podMonitor.enabled does without." }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled exclude each other; every pod would be scraped twice." }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.metricsService.enabled) }}
{{- fail "keda.enabled needs metricsService.enabled; its query asks for the texts of that service." }}
{{- end }}
{{- include "chorus.durationChecks" . }}
{{- if and .Values.tls.clientCaKey (not .Values.tls.existingSecret) }}
{{- fail "tls.clientCaKey is a key of tls.existingSecret, which is empty." }}
{{- end }}
{{- include "chorus.redisChecks" . }}
{{- end }}

{{/* The service takes no time longer than a day. */}}
{{- define "chorus.durationChecks" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 }}
{{- $cache := .Values.cache }}
{{- $all := dict "cache.ttl" $cache.ttl "cache.redis.timeout" $cache.redis.timeout }}
{{- range $name, $value := .Values.settings }}
{{- $_ := set $all (printf "settings.%s" $name) $value }}
{{- end }}
{{- range $name, $value := $all }}
{{- if regexMatch "^[0-9]+(ms|s|m|h)$" (toString $value) }}
{{- $unit := get $units (regexFind "[a-z]+$" $value) }}
{{- if gt (mul (int64 (regexFind "^[0-9]+" $value)) $unit) 86400000 }}
{{- fail (printf "%s is %s; it must be at most 24h." $name $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "chorus.redisChecks" -}}
{{- $redis := .Values.cache.redis }}
{{- $secret := $redis.existingSecret }}
{{- if and $redis.enabled $redis.url }}
{{- fail "cache.redis.enabled and cache.redis.url exclude each other; bring a Redis, or name one." }}
{{- end }}
{{- if and $redis.enabled $secret.urlKey }}
{{- fail "cache.redis.enabled and cache.redis.existingSecret.urlKey exclude each other; bring a Redis, or name one." }}
{{- end }}
{{- if and $redis.url $secret.urlKey }}
{{- fail "cache.redis.url and cache.redis.existingSecret.urlKey exclude each other; give one URL." }}
{{- end }}
{{- if regexMatch "^[a-z+]+://[^/]*@" $redis.url }}
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
