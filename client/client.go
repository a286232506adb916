// Package client asks a running ruas over HTTP: customers and their segments, the members of segments, why somebody is in a segment or is
// not, and changes as they happen. It needs nothing but the standard library.
//
// Errors that ruas answers are of type *Problem. What passes by itself (a view that is being built, too many requests) is tried again
// until the context is done or patience ends.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client asks one ruas. It is safe for concurrent use.
type Client struct {
	base     *url.URL
	token    string
	http     *http.Client
	patience time.Duration
}

// Option changes what a client does.
type Option func(*Client)

// WithToken sends a bearer token with every request.
func WithToken(token string) Option { return func(c *Client) { c.token = token } }

// WithHTTP sends requests through another HTTP client, for TLS settings and proxies. Its Timeout must be 0 where changes are watched.
func WithHTTP(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithPatience is for how long what passes by itself is tried again; 0: not at all. The default is 10 seconds.
func WithPatience(d time.Duration) Option { return func(c *Client) { c.patience = d } }

// New returns a client of the ruas at an address, as "https://ruas.shop.example". It does not connect.
func New(address string, options ...Option) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a ruas: want http://host:port or https://host", address)
	}
	c := &Client{base: base, http: &http.Client{CheckRedirect: stay}, patience: 10 * time.Second}
	for _, option := range options {
		option(c)
	}
	return c, nil
}

// stay follows no redirects: the token is for one host alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Problem is an answer that is not what was asked for (RFC 9457).
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	// Mistakes are those of rules that do not compile.
	Mistakes []Mistake `json:"mistakes"`

	// RetryAfter is when ruas wants to be asked again; 0: it does not say.
	RetryAfter time.Duration `json:"-"`
}

// Error gives what is wrong, and the request's id, under which the log of ruas may say more.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.RequestID == "" {
		return fmt.Sprintf("%s (%d)", text, p.Status)
	}
	return fmt.Sprintf("%s (%d, request %s)", text, p.Status, p.RequestID)
}

// IsNotFound tells that there is no such customer or segment.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

func hasStatus(err error, status int) bool {
	p := new(Problem)
	return errors.As(err, &p) && p.Status == status
}

// Standing is where an answer stands.
type Standing struct {
	// Clock is the moment up to which time has passed; zero: there is none yet.
	Clock time.Time
	// Offset names, for each partition that was read, the offset of the changes topic before which every change is in the answer, in the
	// form that Watch takes up from; "": it is not known.
	Offset string
}

func standing(h http.Header) Standing {
	s := Standing{Offset: h.Get("Ruas-Offset")}
	if clock, err := time.Parse(time.RFC3339, h.Get("Ruas-Clock")); err == nil {
		s.Clock = clock
	}
	return s
}

// call is one request.
type call struct {
	method string
	path   []string
	query  url.Values
	body   any    // sent as JSON
	text   []byte // sent as it is, where there is no body; kind is its media type
	kind   string
	accept string
	header http.Header
}

// send sends a request until there is an answer that is one, and returns it with its body open.
func (c *Client) send(ctx context.Context, what call) (*http.Response, error) {
	if what.body != nil {
		var err error
		if what.text, err = json.Marshal(what.body); err != nil {
			return nil, fmt.Errorf("writing the request: %w", err)
		}
		what.kind = "application/json"
	}
	at := c.base.JoinPath(escaped(what.path)...)
	at.RawQuery = what.query.Encode()
	end := time.Now().Add(c.patience)
	for {
		answer, err := c.once(ctx, what, at.String())
		if err == nil {
			return answer, nil
		}
		p := new(Problem)
		if !errors.As(err, &p) || p.RetryAfter == 0 || time.Now().Add(p.RetryAfter).After(end) {
			return nil, err
		}
		wait := time.NewTimer(p.RetryAfter)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		case <-wait.C:
		}
	}
}

func (c *Client) once(ctx context.Context, what call, at string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, what.method, at, bytes.NewReader(what.text))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	for name, list := range what.header {
		request.Header[name] = list
	}
	if what.kind != "" {
		request.Header.Set("Content-Type", what.kind)
	}
	if what.accept != "" {
		request.Header.Set("Accept", what.accept)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking ruas: %w", err)
	}
	if answer.StatusCode < http.StatusMultipleChoices {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }()
	return nil, problem(answer)
}

// maxProblem is the most that is read of a problem.
const maxProblem = 1 << 20

// problem reads what went wrong; something before ruas may have answered.
func problem(answer *http.Response) *Problem {
	p := &Problem{}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if err != nil || json.Unmarshal(text, p) != nil || p.Status == 0 {
		p = &Problem{Title: answer.Status, Detail: strings.TrimSpace(string(text[:min(len(text), 200)])), RequestID: answer.Header.Get("X-Request-Id")}
	}
	p.Status = answer.StatusCode
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}

// get asks for a JSON answer.
func (c *Client) get(ctx context.Context, query url.Values, into any, path ...string) (Standing, error) {
	return c.exchange(ctx, call{method: http.MethodGet, path: path, query: query}, into)
}

func (c *Client) exchange(ctx context.Context, what call, into any) (Standing, error) {
	answer, err := c.send(ctx, what)
	if err != nil {
		return Standing{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return Standing{}, fmt.Errorf("reading the answer of ruas: %w", err)
	}
	return standing(answer.Header), nil
}

// escaped makes each part one part of a path, whatever it holds.
func escaped(parts []string) []string {
	out := make([]string, len(parts))
	for i, part := range parts {
		if out[i] = url.PathEscape(part); part == "." || part == ".." {
			out[i] = strings.ReplaceAll(part, ".", "%2E")
		}
	}
	return out
}
