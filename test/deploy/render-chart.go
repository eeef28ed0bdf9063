// Renders the Helm chart's templates with Go's own engine, Helm's for these functions: what Helm would hand to
// Kubernetes, but for functions that the chart does not use. Input: the chart's directory; values as JSON on stdin.
// Output: a JSON object, template name to text. Fails on a template that cannot be parsed, or a value that is not there.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func empty(value any) bool {
	return value == nil || value == ""
}

func main() {
	var values map[string]any
	check(json.NewDecoder(os.Stdin).Decode(&values))
	root := template.New("chart").Option("missingkey=error")
	root.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var out bytes.Buffer
			err := root.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
		// JSON is YAML.
		"toYaml": func(value any) (string, error) {
			text, err := json.Marshal(value)
			return string(text), err
		},
		"nindent": func(spaces int, text string) string {
			pad := "\n" + strings.Repeat(" ", spaces)
			return pad + strings.ReplaceAll(text, "\n", pad)
		},
		"quote": func(value any) string { return fmt.Sprintf("%q", fmt.Sprint(value)) },
		"default": func(fallback any, value any) any {
			if empty(value) {
				return fallback
			}
			return value
		},
		"trunc": func(n int, text string) string {
			if len(text) < n {
				return text
			}
			return text[:n]
		},
		"trimSuffix": func(suffix string, text string) string { return strings.TrimSuffix(text, suffix) },
		"join": func(separator string, list []any) string {
			texts := []string{}
			for _, item := range list {
				texts = append(texts, fmt.Sprint(item))
			}
			return strings.Join(texts, separator)
		},
		"sha256sum": func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) },
	})
	files, err := filepath.Glob(filepath.Join(os.Args[1], "templates", "*"))
	check(err)
	base := "hikyaku/templates"
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		_, err = root.New(base + "/" + filepath.Base(file)).Parse(string(text))
		check(err)
	}
	data := map[string]any{
		"Values":   values,
		"Release":  map[string]any{"Name": "mail", "Namespace": "mail"},
		"Chart":    map[string]any{"AppVersion": "0.1.0"},
		"Template": map[string]any{"BasePath": base},
	}
	rendered := map[string]string{}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var out bytes.Buffer
		check(root.ExecuteTemplate(&out, base+"/"+name, data))
		rendered[name] = out.String()
	}
	check(json.NewEncoder(os.Stdout).Encode(rendered))
}
