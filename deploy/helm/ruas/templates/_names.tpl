{{- define "ruas.labels" -}}
app.kubernetes.io/name: ruas
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
