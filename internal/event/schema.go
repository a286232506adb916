package event

// Schema is every event type that is declared, with the attributes of the profile.
type Schema struct {
	Types []*Type // sorted by name, Index set
}

// profileName names the type whose properties are the attributes of a customer.
const profileName = "profile"

// Type returns the type of that name, or nil where none is declared.
func (s *Schema) Type(name string) *Type {
	for _, t := range s.Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Profile returns the type "profile", whose properties are the attributes. Every schema that LoadSchema returns has one.
func (s *Schema) Profile() *Type { return s.Type(profileName) }

// All returns Needs that name every property of every type.
func (s *Schema) All() Needs {
	all := make(Needs, len(s.Types))
	for _, t := range s.Types {
		names := make(map[string]bool, len(t.Properties))
		for i := range t.Properties {
			names[t.Properties[i].Name] = true
		}
		all[t.Name] = names
	}
	return all
}

// Property returns the property of that name, or nil where the type declares none.
func (t *Type) Property(name string) *Property {
	for i := range t.Properties {
		if t.Properties[i].Name == name {
			return &t.Properties[i]
		}
	}
	return nil
}
