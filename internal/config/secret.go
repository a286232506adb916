package config

import "fmt"

// Secret is a text that is never printed: every way of formatting it gives the same stars. The zero value is no secret.
type Secret string

const redacted = "***"

// Reveal gives the text itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String tells only whether there is a secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format prints stars under every verb, %#v, %x and %q among them.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte(s.String())) // fmt.State has nowhere to report an error to
}

// MarshalText gives JSON and YAML encoders and loggers the stars.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML gives YAML encoders the stars.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
