package config

import (
	"reflect"
	"strings"
)

// EnvPrefix begins the name of every environment variable.
const EnvPrefix = "RUAS_"

// key is one key of the configuration that holds a value, not other keys.
type key struct {
	// name is the key with its path, as in "kafka.tls.ca".
	name string
	// field is the field of the struct that holds it, with its tags.
	field reflect.StructField
	value reflect.Value
	path  bool
}

// env is the name of the environment variable.
func (k *key) env() string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// choices are the values that a key allows; nil: any.
func choices(f reflect.StructField) []string {
	if list, ok := f.Tag.Lookup("values"); ok {
		return strings.Split(list, ",")
	}
	return nil
}

// walk visits every key of c, in the order of the documentation.
func walk(c *Config, visit func(*key)) {
	walkStruct(reflect.ValueOf(c).Elem(), "", visit)
}

func walkStruct(v reflect.Value, path string, visit func(*key)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := join(path, keyOf(f))
		if f.Type.Kind() == reflect.Struct {
			walkStruct(v.Field(i), name, visit)
			continue
		}
		visit(&key{name: name, field: f, value: v.Field(i), path: f.Tag.Get("path") == "true"})
	}
}

// keyOf is the key of a struct's field; "-" for one that is not a key.
func keyOf(f reflect.StructField) string { return f.Tag.Get("yaml") }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
