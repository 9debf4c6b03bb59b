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
{{- end }}
{{- include "chorus.inlineChecks" (list $profile (.Files.Get "files/profile-schema.json" | fromJson)) }}
{{- $profile | toJson }}
{{- else }}
{{- get (.Files.Get "files/shipped-profiles.yaml" | fromYaml) .Values.profile.name | default dict | toJson }}
{{- end }}
{{- end }}

{{/*
What the service would refuse of an inline profile when it starts: call with the profile and files/profile-schema.json.
*/}}
{{- define "chorus.inlineChecks" -}}
{{- $known := index . 1 }}
{{- with index . 0 }}
{{- include "chorus.requireSchema" (list "" . $known.profile) }}
{{- include "chorus.routeChecks" (list .routes $known) }}
{{- $names := list }}
{{- range $index, $model := .models }}
{{- if has $model.name $names }}
{{- fail (printf "profile.inline: models[%d] has the name %s, and so has one before it; names must differ." $index $model.name) }}
{{- end }}
{{- $names = append $names $model.name }}
{{- end }}
{{- range $index, $route := .routes }}
{{- if hasKey $route "models" }}
{{- include "chorus.requireModels" (list (printf "routes[%d].models" $index) $route.models $names) }}
{{- end }}
{{- end }}
{{- range $index, $golden := .golden }}
{{- include "chorus.requireModels" (list (printf "golden[%d].labels" $index) (keys $golden.labels | sortAlpha) $names) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Each has a path of its own, and options that its contract has. */}}
{{- define "chorus.routeChecks" -}}
{{- $known := index . 1 }}
{{- $shared := $known.profile.properties.routes.items.properties }}
{{- $taken := list }}
{{- range $index, $route := index . 0 }}
{{- $options := get $known.options $route.contract }}
{{- if not $options }}
{{- fail (printf "profile.inline: routes[%d].contract is %s; it must be one of %s." $index $route.contract (keys $known.options | sortAlpha | join ", ")) }}
{{- end }}
{{- include "chorus.requireSchema" (list (printf "routes[%d]" $index) $route (dict "properties" (merge (dict) $options.properties $shared))) }}
{{- range $known.ownPaths }}
{{- if regexMatch (printf "^%s$" (regexReplaceAll "\\{\\w+\\}" (replace "." "[.]" .) "[^/]+")) $route.path }}
{{- fail (printf "profile.inline: routes[%d].path is %s, which the service itself answers." $index $route.path) }}
{{- end }}
{{- end }}
{{- if has $route.path $taken }}
{{- fail (printf "profile.inline: routes[%d].path is %s, and so is that of a route before it." $index $route.path) }}
{{- end }}
{{- $taken = append $taken $route.path }}
{{- end }}
{{- end }}

{{/*
Refuses what a JSON schema refuses, of what the service's own have: call with the place in the inline profile, the value there
and its schema.
*/}}
{{- define "chorus.requireSchema" -}}
{{- $place := index . 0 }}
{{- $value := index . 1 }}
{{- $schema := index . 2 }}
{{- $at := printf "profile.inline%s" (ternary "" (printf ": %s" $place) (eq $place "")) }}
{{- $prefix := ternary "" (printf "%s." $place) (eq $place "") }}
{{- $kinds := dict "string" (list "string") "integer" (list "float64" "int" "int64") "number" (list "float64" "int" "int64") "boolean" (list "bool") "object" (list "map") "array" (list "slice") }}
{{- $names := dict "string" "text" "integer" "a whole number" "number" "a number" "boolean" "true or false" "object" "a map" "array" "a list" }}
{{- with $schema.type }}
{{- if not (has (kindOf $value) (get $kinds .)) }}
{{- fail (printf "%s is %s; it must be %s." $at (toJson $value) (get $names .)) }}
{{- end }}
{{- if and (eq . "integer") (ne (floor $value) (float64 $value)) }}
{{- fail (printf "%s is %v; it must be a whole number." $at $value) }}
{{- end }}
{{- end }}
{{- with $schema.enum }}
{{- if not (has $value .) }}
{{- fail (printf "%s is %v; it must be one of %s." $at $value (join ", " .)) }}
{{- end }}
{{- end }}
{{- with $schema.pattern }}
{{- if not (regexMatch . (toString $value)) }}
{{- fail (printf "%s is %v; it must be as %s." $at $value .) }}
{{- end }}
{{- end }}
{{- if or (and (hasKey $schema "minLength") (not (toString $value))) (and (hasKey $schema "minItems") (not $value)) }}
{{- fail (printf "%s is empty; it must not be." $at) }}
{{- end }}
{{- if and (hasKey $schema "minimum") (lt (float64 $value) (float64 $schema.minimum)) }}
{{- fail (printf "%s is %v; its minimum is %v." $at $value $schema.minimum) }}
{{- end }}
{{- if and (hasKey $schema "maximum") (gt (float64 $value) (float64 $schema.maximum)) }}
{{- fail (printf "%s is %v; its maximum is %v." $at $value $schema.maximum) }}
{{- end }}
{{- with $schema.anyOf }}
{{- $constants := list }}
{{- range . }}{{ if hasKey . "const" }}{{ $constants = append $constants .const }}{{ end }}{{ end }}
{{- if and (eq (len .) (len $constants)) (not (has $value $constants)) }}
{{- fail (printf "%s is %v; it must be one of %s." $at $value (join ", " $constants)) }}
{{- end }}
{{- end }}
{{- if kindIs "map" $value }}
{{- range $schema.required }}
{{- if not (hasKey $value .) }}
{{- fail (printf "%s has no %s." $at .) }}
{{- end }}
{{- end }}
{{- $properties := $schema.properties | default dict }}
{{- $others := $schema.additionalProperties }}
{{- range $key, $item := $value }}
{{- if hasKey $properties $key }}
{{- include "chorus.requireSchema" (list (printf "%s%s" $prefix $key) $item (get $properties $key)) }}
{{- else if kindIs "map" $others }}
{{- include "chorus.requireSchema" (list (printf "%s%s" $prefix $key) $item $others) }}
{{- else }}
{{- fail (printf "%s has %s, which is no key there; there are %s." $at $key (keys $properties | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- end }}
{{- if kindIs "slice" $value }}
{{- range $index, $item := $value }}
{{- include "chorus.requireSchema" (list (printf "%s[%d]" $place $index) $item ($schema.items | default dict)) }}
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
{{- $image := ternary "" (include "chorus.image" .) (not (empty .Values.profile.inline)) }}
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
