package config

import (
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ruas/ruas/internal/suggest"
)

// kubernetes matches the variables that Kubernetes sets for a Service named ruas.
var kubernetes = regexp.MustCompile(`^RUAS_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// ignored tells the variables that begin with EnvPrefix and are not for us: those of Kubernetes, of the commands that ask a running ruas,
// and of this project's tests.
func ignored(name string) bool {
	return strings.HasPrefix(name, EnvPrefix+"TEST_") || strings.HasPrefix(name, EnvPrefix+"CLIENT_") || kubernetes.MatchString(name)
}

// environment gives the values of environment variables. Lists are comma-separated; sources and tokens are YAML.
func (d *decoder) environment(environ []string, c *Config) {
	keys := map[string]*key{}
	names := []string{}
	walk(c, func(k *key) {
		keys[k.env()] = k
		names = append(names, k.env())
	})
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		k := keys[name]
		if k == nil {
			if !ignored(name) {
				d.errs = append(d.errs, &Error{Origin: name, Text: "no such key" + suggest.Hint(name, names)})
			}
			continue
		}
		d.variable(k, name, text)
	}
}

func (d *decoder) variable(k *key, name, text string) {
	d.places[k.name] = place{origin: name}
	switch {
	case k.value.Type() == reflect.TypeFor[[]Source](), k.value.Type() == reflect.TypeFor[[]Token]():
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			d.errs = append(d.errs, syntaxError(name, err))
			return
		}
		if len(doc.Content) == 0 {
			return
		}
		inner := &decoder{file: name, places: d.places}
		inner.value(doc.Content[0], k.value, k.field, k.name)
		d.errs = append(d.errs, inner.errs...)
	case k.value.Kind() == reflect.Slice:
		list := []string{}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		k.value.Set(reflect.ValueOf(list))
	default:
		if err := set(k.value, k.field, text); err != nil {
			d.errs = append(d.errs, &Error{Origin: name, Text: err.Error()})
		}
	}
}
