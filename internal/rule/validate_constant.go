package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/iana"
	"github.com/ruas/ruas/internal/suggest"
)

// constants checks literals that would err, or err nowhere and mean nothing, each time the rule is evaluated.
func (v *validator) constants(e ast.Expr, fn string) {
	call := e.AsCall()
	args := call.Args()
	switch {
	case fn == "timestamp" && len(args) == 1:
		if s, ok := stringLiteral(args[0]); ok && types.IsError(types.String(s).ConvertToType(types.TimestampType)) {
			v.fail(v.at(args[0], guessMoment(s), `%q is no moment: write it with time and zone, like "2026-01-31T17:00:00+07:00"`, s))
		}
	case fn == "duration" && len(args) == 1:
		if s, ok := stringLiteral(args[0]); ok && types.IsError(types.String(s).ConvertToType(types.DurationType)) {
			v.fail(v.at(args[0], "", `%q is no duration of CEL's own, whose units are h, m and s: "36h", "1h30m"`, s))
		}
	case fn == "matches":
		pattern := args[len(args)-1]
		if s, ok := stringLiteral(pattern); ok {
			if _, err := regexp.Compile(s); err != nil {
				v.fail(v.at(pattern, "", "this is no regular expression (RE2): %s",
					strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
			}
		}
	case strings.HasPrefix(fn, "get") && call.IsMemberFunction() && len(args) == 1:
		v.zone(args[0])
	case (fn == FnAge || fn == FnDaysUntil) && len(args) > 0:
		if s, ok := stringLiteral(args[0]); ok && !event.ValidDate(s) {
			v.fail(v.at(args[0], "", `%q is no date: write it like "2006-01-31"`, s))
		}
	}
}

var (
	offsetZone = regexp.MustCompile(`^[+-]?\d\d:\d\d$`)
	trueOffset = regexp.MustCompile(`^[+-]?([01]\d|2[0-3]):[0-5]\d$`)
)

// zone wants a zone that means the same on every machine, and the same at every evaluation.
func (v *validator) zone(e ast.Expr) {
	s, ok := stringLiteral(e)
	switch {
	case !ok:
		v.fail(v.at(e, "", `the zone is a literal, like "Asia/Jakarta"; day(t) and days_since(t) use the customer's own zone`))
	case s == "" || s == "Local":
		v.fail(v.at(e, "", `%q names no zone: write one of the IANA database, like "Asia/Jakarta"`, s))
	case offsetZone.MatchString(s):
		if !trueOffset.MatchString(s) {
			v.fail(v.at(e, "", `%q is no offset: write it like "+07:00"`, s))
		}
	default:
		if !iana.IsZone(s) {
			near := suggest.Nearest(s, commonZones)
			if near != "" {
				near = `"` + near + `"`
			}
			v.fail(v.at(e, near, `%q names no zone of the IANA database; write one like "Asia/Jakarta"`, s))
		}
	}
}

// commonZones are those that a misspelt zone is compared with.
var commonZones = []string{"UTC", "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Asia/Pontianak", "Asia/Singapore", "Asia/Kuala_Lumpur",
	"Asia/Manila", "Asia/Bangkok", "Asia/Ho_Chi_Minh", "Asia/Tokyo", "Asia/Seoul", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Kolkata",
	"Asia/Dubai", "Australia/Sydney", "Australia/Perth", "Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Amsterdam",
	"Europe/Madrid", "Europe/Rome", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo",
	"Africa/Cairo", "Africa/Lagos", "Africa/Johannesburg"}

// guessMoment completes a date or a time without zone; "" for anything else.
func guessMoment(s string) string {
	for _, form := range []struct{ layout, add string }{{time.DateOnly, "T00:00:00Z"}, {"2006-01-02T15:04:05", "Z"}, {"2006-01-02T15:04", ":00Z"}} {
		if _, err := time.Parse(form.layout, strings.Replace(s, " ", "T", 1)); err == nil {
			return `"` + strings.Replace(s, " ", "T", 1) + form.add + `"`
		}
	}
	return ""
}

// property is the declared property or attribute that a select reads; nil for anything else.
func (v *validator) property(e ast.Expr) *event.Property {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() {
		return nil
	}
	t := v.typeOf(e.AsSelect().Operand())
	if t.Kind() != types.StructKind || !strings.HasPrefix(t.TypeName(), objectPrefix) {
		return nil
	}
	if name := strings.TrimPrefix(t.TypeName(), objectPrefix); v.schema.Type(name) != nil {
		if p := v.schema.Type(name).Property(e.AsSelect().FieldName()); p != nil {
			return p
		}
	}
	return v.typeField(e, t)
}

// typeField treats an event's type as a property with its possible values.
func (v *validator) typeField(e ast.Expr, t *types.Type) *event.Property {
	name, ok := EventType(t)
	if !ok || e.AsSelect().FieldName() != FieldType {
		return nil
	}
	p := &event.Property{Name: FieldType, Kind: event.String}
	for _, one := range v.schema.Types {
		if name == VarEvents || name == one.Name {
			p.Enum = append(p.Enum, one.Name)
		}
	}
	return p
}

// choice refuses a constant that a property, or a day, never equals.
func (v *validator) choice(e, constant ast.Expr) {
	if p := v.property(e); p != nil {
		v.choiceOf(p, constant)
	} else if isDay(e) {
		v.choiceOf(&event.Property{Name: "a day", Kind: event.Date}, constant)
	}
}

func (v *validator) choiceOf(p *event.Property, constant ast.Expr) {
	s, ok := stringLiteral(constant)
	switch {
	case !ok:
	case p.Kind == event.Date && !event.ValidDate(s):
		v.fail(v.at(constant, "", `%s never is %q: a date is written like "2006-01-31"`, p.Name, s))
	case len(p.Enum) > 0 && !slices.Contains(p.Enum, s):
		near := suggest.Nearest(s, p.Enum)
		if near != "" {
			near = `"` + near + `"`
		}
		v.fail(v.at(constant, near, "%s never is %q: it is one of %s", p.Name, s, quotedList(p.Enum)))
	}
}

func quotedList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

// datePrefix is what a date may be compared with by < and its kin: the year, the month or the day.
var datePrefix = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d)?)?$`)

// ordering refuses to order a date beside a text that is written otherwise than dates are.
func (v *validator) ordering(args []ast.Expr) {
	for i, arg := range args {
		p := v.property(arg)
		if (p == nil || p.Kind != event.Date) && !isDay(arg) {
			continue
		}
		if s, ok := stringLiteral(args[1-i]); ok && !datePrefix.MatchString(s) {
			v.fail(v.at(args[1-i], "", `%s is a date and %q is none: write it like "2006-01-31"`, v.text(arg, "this"), s))
		}
	}
}

// isDay tells whether a node is day(t).
func isDay(e ast.Expr) bool { return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == FnDay }
