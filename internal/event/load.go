package event

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruas/ruas/schemas"
)

// LoadSchema reads the schemas that ship with ruas and those of the files and folders given (of a folder its *.json files, not
// those of folders in it). Several files may add to one type; where two of them declare the same property, they must agree.
//
// The error names everything that is wrong in all files, a line each: the file, the JSON pointer, and what is wrong there.
func LoadSchema(extra ...string) (*Schema, error) {
	var b schemaBuilder
	shipped, err := fs.Glob(schemas.Files, "*.json")
	if err != nil {
		return nil, fmt.Errorf("listing the shipped schemas: %w", err)
	}
	for _, name := range shipped {
		data, err := schemas.Files.ReadFile(name)
		b.add(path.Join("schemas", name)+" (shipped)", data, err)
	}
	for _, p := range extra {
		files, err := schemaFiles(p)
		if err != nil {
			b.errs = append(b.errs, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			b.add(file, data, err)
		}
	}
	return b.build()
}

// schemaFiles returns the file itself, or the schema files of a folder in order of name.
func schemaFiles(p string) ([]string, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, fmt.Errorf("reading schemas: %w", err)
	}
	if !info.IsDir() {
		return []string{p}, nil
	}
	entries, err := os.ReadDir(p)
	if err != nil {
		return nil, fmt.Errorf("reading schemas: %w", err)
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".json") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(p, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("reading schemas: the folder %s holds no *.json file", p)
	}
	return files, nil
}

// schemaBuilder merges declarations into types.
type schemaBuilder struct {
	types []*Type
	// places says where each property was first declared, by type and property name.
	places map[[2]string]string
	errs   []error
}

func (b *schemaBuilder) add(file string, data []byte, err error) {
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("reading a schema: %w", err))
		return
	}
	d, err := parseSchemaFile(file, data)
	if err != nil {
		b.errs = append(b.errs, err)
		return
	}
	t := b.typeNamed(d.typeName)
	if t.Description == "" {
		t.Description = d.description
	}
	for i := range d.properties {
		b.addProperty(t, d.properties[i], d.place(i))
	}
}

func (b *schemaBuilder) typeNamed(name string) *Type {
	for _, t := range b.types {
		if t.Name == name {
			return t
		}
	}
	t := &Type{Name: name}
	b.types = append(b.types, t)
	return t
}

func (b *schemaBuilder) addProperty(t *Type, p Property, place string) {
	key := [2]string{t.Name, p.Name}
	old := t.Property(p.Name)
	if old == nil {
		if b.places == nil {
			b.places = make(map[[2]string]string)
		}
		b.places[key] = place
		p.Index = len(t.Properties)
		t.Properties = append(t.Properties, p)
		return
	}
	if what := contradiction(old, &p); what != "" {
		b.errs = append(b.errs, fmt.Errorf("%s: contradicts %s: %s.%s %s", place, b.places[key], t.Name, p.Name, what))
	}
	if old.Description == "" {
		old.Description = p.Description
	}
}

// contradiction says in what two declarations of one property differ, or nothing.
func contradiction(there, here *Property) string {
	switch {
	case there.Kind != here.Kind:
		return fmt.Sprintf("is %s there and %s here", there.Kind.article(), here.Kind.article())
	case !sameChoice(there.Enum, here.Enum):
		return fmt.Sprintf("may be %s there and %s here", choice(there.Enum), choice(here.Enum))
	case there.Required && !here.Required:
		return "is required there and optional here"
	case !there.Required && here.Required:
		return "is optional there and required here"
	default:
		return ""
	}
}

func sameChoice(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func (b *schemaBuilder) build() (*Schema, error) {
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	slices.SortFunc(b.types, func(x, y *Type) int { return strings.Compare(x.Name, y.Name) })
	for i, t := range b.types {
		t.Index = i
	}
	return &Schema{Types: b.types}, nil
}
