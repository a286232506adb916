package client

import (
	"context"
	"net/http"
)

// Rules are the files that rules are in, as they are on the server's disk.
type Rules struct {
	Files []RuleFile `json:"files"` // sorted by name
	// Writable says that files may be saved; Why why not.
	Writable bool   `json:"writable"`
	Why      string `json:"why"`
	// Hash is that of the rules in force. Pending says that they were read from other files than these: a restart takes these up.
	Hash    string `json:"hash"`
	Pending bool   `json:"pending"`
}

// RuleFile is a file of rules.
type RuleFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
	// Hash is that of the text. It says what was seen when the file is saved or removed.
	Hash     string `json:"hash"`
	Writable bool   `json:"writable"`
}

// Saved is what became of a file that was saved or removed.
type Saved struct {
	File string `json:"file"`
	Hash string `json:"hash"` // of the text that was saved; "": it was removed
	// Applied is "now" where the rules are in force, or within seconds, and "at_restart" where the server takes them up at its next start.
	Applied string `json:"applied"`
}

// InForce tells whether the rules are in force.
func (s *Saved) InForce() bool { return s.Applied == "now" }

// Mistake is a mistake in a file of rules. Lines and columns count from 1; Line is 0 where the file as a whole is meant.
type Mistake struct {
	File       string `json:"file"`
	Line       int    `json:"line"`
	Column     int    `json:"column"`     // in characters
	EndColumn  int    `json:"end_column"` // the first one past the text that is meant
	Message    string `json:"message"`
	Suggestion string `json:"suggestion"` // what to put in the place of that text; "": nothing is near
}

// Rules reads the files that rules are in.
func (c *Client) Rules(ctx context.Context) (*Rules, error) {
	out := new(Rules)
	if _, err := c.get(ctx, nil, out, "v1", "rules"); err != nil {
		return nil, err
	}
	return out, nil
}

// RuleFile reads one of them.
func (c *Client) RuleFile(ctx context.Context, name string) (*RuleFile, error) {
	out := new(RuleFile)
	if _, err := c.get(ctx, nil, out, "v1", "rules", name); err != nil {
		return nil, err
	}
	return out, nil
}

// SaveRules writes a file of rules in the place of the text with the hash seen; "": the file is to be new. IsChanged: it is not as it was
// seen. Rules that do not compile are a *Problem with Mistakes. What is refused changes nothing.
func (c *Client) SaveRules(ctx context.Context, name, text, seen string) (*Saved, error) {
	return c.changeRules(ctx, call{method: http.MethodPut, text: []byte(text), kind: "application/yaml"}, name, seen)
}

// RemoveRules removes a file of rules that holds the text with the hash seen.
func (c *Client) RemoveRules(ctx context.Context, name, seen string) (*Saved, error) {
	return c.changeRules(ctx, call{method: http.MethodDelete}, name, seen)
}

func (c *Client) changeRules(ctx context.Context, what call, name, seen string) (*Saved, error) {
	what.path, what.header = []string{"v1", "rules", name}, http.Header{"If-Match": {`"` + seen + `"`}}
	if seen == "" {
		what.header = http.Header{"If-None-Match": {"*"}}
	}
	out := new(Saved)
	if _, err := c.exchange(ctx, what, out); err != nil {
		return nil, err
	}
	return out, nil
}

// IsChanged tells that a file of rules is not as it was seen: it changed meanwhile, is gone, or is there already.
func IsChanged(err error) bool { return hasStatus(err, http.StatusPreconditionFailed) }
