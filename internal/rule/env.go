package rule

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/ruas/ruas/internal/event"
)

// Names that every expression may use beside the event types.
const (
	VarEvents  = "events"
	VarProfile = "profile"
	VarNow     = "now"
	VarFeature = "feature"
)

// Hidden variables. They start with @, which no expression can write, so that nothing a user names can stand in their place.
const (
	// HiddenNow is the moment of evaluation, a timestamp.
	HiddenNow = "@now"
	// HiddenZone is the name of the zone in force at that moment, a string that time.LoadLocation knows.
	HiddenZone = "@zone"
	// HiddenSegments is a map from a segment's name to the customer's membership.
	HiddenSegments = "@segments"
)

// Env is the CEL environment of rules: the standard library, comprehensions with two variables, comparisons between int and double,
// and the variables, functions and types of the schema. It gives no function a binding: whoever evaluates an expression brings its own.
//
// Features are added as they are checked; beyond that an Env does not change. AddFeature must not run beside other methods.
//
// What typing alone cannot refuse is left to the validator: dyn() and lists of mixed types, list literals and + on lists of events, message
// literals and type names (ruas.purchase{}), variables of comprehensions that take the name of another variable, names of zones, of dates
// and of segments in literals, and what may be asked of now.
type Env struct {
	cel   *cel.Env
	types *provider
}

// NewEnv declares a variable for each event type of the schema. It fails where a type takes a name that an expression already uses.
func NewEnv(schema *event.Schema) (*Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("making the registry of standard types: %w", err)
	}
	p := newProvider(registry, schema)
	opts := []cel.EnvOption{
		cel.StdLib(),
		ext.TwoVarComprehensions(),
		cel.CrossTypeNumericComparisons(true),
		cel.CustomTypeProvider(p),
		cel.CustomTypeAdapter(registry),
		cel.Macros(macros()...),
		cel.Variable(VarEvents, cel.ListType(types.NewObjectType(eventsType))),
		cel.Variable(VarProfile, types.NewObjectType(profileType)),
		cel.Variable(VarNow, cel.TimestampType),
		cel.Variable(VarFeature, types.NewObjectType(featureType)),
		cel.Variable(HiddenNow, cel.TimestampType),
		cel.Variable(HiddenZone, cel.StringType),
		cel.Variable(HiddenSegments, cel.MapType(cel.StringType, cel.BoolType)),
	}
	for _, t := range schema.Types {
		if t.Name == VarProfile {
			continue
		}
		if inUse(t.Name) {
			return nil, fmt.Errorf("an event type cannot be named %q: expressions use that name already", t.Name)
		}
		opts = append(opts, cel.Variable(t.Name, cel.ListType(types.NewObjectType(objectPrefix+t.Name))))
	}
	opts = append(opts, functions()...)
	ce, err := cel.NewCustomEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("declaring the variables of expressions: %w", err)
	}
	return &Env{cel: ce, types: p}, nil
}

// inUse tells whether a name means something in every expression: a variable, a word of CEL or one of its types.
func inUse(name string) bool {
	switch name {
	case VarEvents, VarProfile, VarNow, VarFeature,
		"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "namespace", "null",
		"package", "return", "true", "var", "void", "while",
		"bool", "bytes", "double", "duration", "dyn", "google", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint":
		return true
	}
	return false
}

// AddFeature makes feature.<name> known to every later Compile. A second feature of one name is an error.
func (e *Env) AddFeature(name string, t *types.Type) error {
	if _, ok := e.types.features[name]; ok {
		return fmt.Errorf("the feature %q is declared twice", name)
	}
	e.types.features[name] = t
	return nil
}

// Compile parses and checks an expression. The issues hold errors with their places in src; where there are any, the AST is nil.
func (e *Env) Compile(src string) (*cel.Ast, *cel.Issues) {
	ast, iss := e.cel.Compile(src)
	if iss.Err() != nil {
		return nil, iss
	}
	iss = cel.NewIssuesWithSourceInfo(common.NewErrors(ast.Source()), ast.NativeRep().SourceInfo())
	e.checkEventLists(ast.NativeRep(), iss)
	if iss.Err() != nil {
		return nil, iss
	}
	return ast, iss
}

// CEL is the environment underneath, for an evaluator that extends it with bindings.
func (e *Env) CEL() *cel.Env { return e.cel }
