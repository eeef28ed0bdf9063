{{- define "hikyaku.labels" -}}
app.kubernetes.io/name: hikyaku
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "hikyaku.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- /* The service speaks TLS on its HTTP port if it has a certificate and no trusted proxies are set. */ -}}
{{- define "hikyaku.scheme" -}}
{{- if and .Values.tls.secretName (not .Values.trustedProxies) -}}HTTPS{{- else -}}HTTP{{- end -}}
{{- end -}}
