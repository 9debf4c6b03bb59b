{{/* What is served, and what is known of it. */}}

{{/*
The inline profile, or what is known of the one that comes with the image, as JSON; empty where the image has it at a path.
Others render it, too, so what is no profile at all is refused here.
*/}}
{{- define "chorus.profile" -}}
{{- if .Values.profile.inline }}
{{- $profile := .Values.profile.inline | fromYaml }}
{{- if hasKey $profile "Error" }}
{{- fail (printf "profile.inline is no map in YAML: %s" $profile.Error) }}
{{- end }}
{{- range $list, $fields := dict "models" (list "name") "routes" (list "path" "contract") }}
{{- $items := get $profile $list }}
{{- if or (not (kindIs "slice" $items)) (not $items) }}
{{- fail (printf "profile.inline has no %s; it must list one at least, each with %s." $list (join " and " $fields)) }}
{{- end }}
{{- range $index, $item := $items }}
{{- range $field := $fields }}
{{- if or (not (kindIs "map" $item)) (not (kindIs "string" (dig $field nil $item))) }}
{{- fail (printf "profile.inline: %s[%d] has no %s." $list $index $field) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- include "chorus.inlineChecks" $profile }}
{{- $profile | toJson }}
{{- else }}
{{- get (.Files.Get "files/shipped-profiles.yaml" | fromYaml) .Values.profile.name | default dict | toJson }}
{{- end }}
{{- end }}

{{/* What the service would refuse of an inline profile when it starts: call with the profile. */}}
{{- define "chorus.inlineChecks" -}}
{{- if not (kindIs "string" .name) }}
{{- fail "profile.inline has no name; it must have one, such as name: mine." }}
{{- end }}
{{- $names := list }}
{{- range $index, $model := .models }}
{{- if has $model.name $names }}
{{- fail (printf "profile.inline: models[%d] has the name %s, and so has one before it; names must differ." $index $model.name) }}
{{- end }}
{{- $names = append $names $model.name }}
{{- end }}
{{- $contracts := list "predict" "prediction" "process" "retrieve" }}
{{- range $index, $route := .routes }}
{{- if not (has $route.contract $contracts) }}
{{- fail (printf "profile.inline: routes[%d].contract is %s; it must be one of %s." $index $route.contract (join ", " $contracts)) }}
{{- end }}
{{- if hasKey $route "models" }}
{{- if not (kindIs "slice" $route.models) }}
{{- fail (printf "profile.inline: routes[%d].models is no list; it must be one of models of it, such as [%s]." $index (first $names)) }}
{{- end }}
{{- include "chorus.requireModels" (list (printf "routes[%d].models" $index) $route.models $names) }}
{{- end }}
{{- end }}
{{- if hasKey . "golden" }}
{{- $sample := printf "{text: Hello, labels: {%s: POSITIVE}}" (first $names) }}
{{- if not (kindIs "slice" .golden) }}
{{- fail (printf "profile.inline: golden is no list; it must be one such as [%s]." $sample) }}
{{- end }}
{{- range $index, $golden := .golden }}
{{- if or (not (kindIs "map" $golden)) (not (kindIs "string" (dig "text" nil $golden))) (not (kindIs "map" (dig "labels" nil $golden))) }}
{{- fail (printf "profile.inline: golden[%d] is not as %s." $index $sample) }}
{{- end }}
{{- include "chorus.requireModels" (list (printf "golden[%d].labels" $index) (keys $golden.labels | sortAlpha) $names) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Call with the place in the inline profile, the names there and those of its models. */}}
{{- define "chorus.requireModels" -}}
{{- range index . 1 }}
{{- if not (has . (index $ 2)) }}
{{- fail (printf "profile.inline: %s has %v, which is no model of it; there are %s." (index $ 0) . (join ", " (index $ 2))) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Changes with what an inline profile says, which its ConfigMap cannot: pods of the old one may still start. */}}
{{- define "chorus.profileConfigMap" -}}
{{- printf "%s-profile-%s" (include "chorus.fullname" .) (list .Values.profile.inline .Values.profile.lock | toJson | sha256sum | trunc 8) }}
{{- end }}

{{/* Where the profile lies before anything is pulled: a name, or a path. */}}
{{- define "chorus.givenProfile" -}}
{{- if .Values.profile.inline }}/etc/chorus/profile.yaml{{ else }}{{ .Values.profile.name }}{{ end }}
{{- end }}

{{/*
What is served. `chorus pull` writes a lock beside the profile: it works on a copy in the volume, in a folder of this
release and this profile alone, since others may share the volume. Profiles by name are those of the image.
*/}}
{{- define "chorus.servedProfile" -}}
{{- $given := include "chorus.givenProfile" . }}
{{- if eq .Values.models.source "pull" }}
{{- $image := ternary "" (include "chorus.image" .) (ne .Values.profile.inline "") }}
{{- $checksum := list .Values.profile $image | toJson | sha256sum | trunc 8 }}
{{- printf "/models/%s-%s/%s.yaml" .Release.Name $checksum (base $given | trimSuffix ".yaml" | trimSuffix ".yml") }}
{{- else }}
{{- $given }}
{{- end }}
{{- end }}

{{/*
What `helm test` asks and expects, as {path, body, labels} in JSON: what test says of it, and for the rest the first route
of the profile and its golden texts. Labels are promised for those alone.
*/}}
{{- define "chorus.trial" -}}
{{- $profile := include "chorus.profile" . | fromJson }}
{{- $route := $profile.routes | default list | first | default dict }}
{{- $contract := toString $route.contract }}
{{- $ofTexts := has $contract (list "predict" "prediction") }}
{{- $models := $route.models | default list }}
{{- if and $ofTexts (not $models) $profile.models }}
{{- $models = list (first $profile.models).name }}
{{- end }}
{{- $texts := list }}
{{- $labels := dict }}
{{- range $golden := slice ($profile.golden | default list) 0 (min 2 (len ($profile.golden | default list))) }}
{{- if $ofTexts }}
{{- with get ($golden.labels | default dict) (first $models) }}
{{- $texts = append $texts $golden.text }}
{{- $_ := set $labels $golden.text . }}
{{- end }}
{{- else if and (ne $contract "retrieve") (not $texts) }}
{{- $texts = list $golden.text }}
{{- range $model, $label := $golden.labels }}
{{- if or (not $models) (has $model $models) }}
{{- $_ := set $labels $model $label }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $texts = $texts | default (list "This is how true happiness looks like 👍😜") }}
{{- $body := first $texts }}
{{- if $ofTexts }}
{{- $isOne := eq (toString $route.shape) "one" }}
{{- $body = dict "text" (ternary (first $texts) $texts $isOne) }}
{{- if $isOne }}{{ $labels = dict }}{{ end }}
{{- else if eq $contract "retrieve" }}
{{- $body = dict "instances" $texts }}
{{- end }}
{{- if or .Values.test.path .Values.test.body }}{{ $labels = dict }}{{ end }}
{{- dict "path" (.Values.test.path | default $route.path | default "/process") "body" (.Values.test.body | default $body) "labels" (.Values.test.labels | default $labels) | toJson }}
{{- end }}

{{/* Where the sample is posted to, as the service has it. */}}
{{- define "chorus.testPath" -}}
{{ .Values.settings.pathPrefix | default "" }}{{ (include "chorus.trial" . | fromJson).path }}
{{- end }}

{{/* What is posted, as JSON. */}}
{{- define "chorus.testBody" -}}
{{- (include "chorus.trial" . | fromJson).body | toJson }}
{{- end }}
