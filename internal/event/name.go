package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The names that every event has beside its properties.
const (
	fieldID       = "id"
	fieldType     = "type"
	fieldCustomer = "customer_id"
	fieldTime     = "time"
)

var fieldNames = []string{fieldID, fieldType, fieldCustomer, fieldTime}

// celReserved are the words that CEL keeps for itself: the keywords of its grammar and the reserved words of its
// specification ("Syntax").
var celReserved = []string{
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "namespace",
	"null", "package", "return", "true", "var", "void", "while",
}

// takenTypes are the names that mean something else where an expression names an event type: the other variables, CEL's own
// types, and the roots of qualified names.
var takenTypes = []string{
	"events", "feature", "now",
	"bool", "bytes", "double", "duration", "dyn", "int", "list", "map", "null_type", "optional_type", "string", "timestamp",
	"uint",
	"cel", "google", "math", "optional", "ruas",
}

// CheckName returns nil for a name that a type, a property or an attribute may have as far as CEL goes: lower case letters,
// digits and underscores, no digit first, and no word that CEL reserves.
func CheckName(name string) error {
	if name == "" {
		return errors.New("a name is empty")
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
	if strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(letters, r) }) {
		return fmt.Errorf("%q is no name: use lower case letters, digits and underscores", name)
	}
	if isDigit(name[0]) {
		return fmt.Errorf("%q is no name: it begins with a digit", name)
	}
	if slices.Contains(celReserved, name) {
		return fmt.Errorf("%q is a word that CEL reserves", name)
	}
	return nil
}

func checkTypeName(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if slices.Contains(takenTypes, name) {
		return fmt.Errorf("an event type cannot be named %q: in expressions that name means something else", name)
	}
	return nil
}

func checkPropertyName(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if slices.Contains(fieldNames, name) {
		return fmt.Errorf("every event has %q: it is not declared", name)
	}
	return nil
}
