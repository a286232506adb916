package event

// String returns the kind's name as users meet it.
func (k Kind) String() string {
	switch k {
	case Missing:
		return "missing"
	case Null:
		return "null"
	case String:
		return "string"
	case Int:
		return "integer"
	case Double:
		return "number"
	case Bool:
		return "boolean"
	case Moment:
		return "moment"
	case Date:
		return "date"
	case Strings:
		return "list of strings"
	default:
		return "unknown kind"
	}
}

// article returns the name with its article.
func (k Kind) article() string {
	if k == Int {
		return "an " + k.String()
	}
	return "a " + k.String()
}
