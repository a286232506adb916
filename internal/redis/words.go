package redis

import "strings"

// words is the arguments of a command: their text in one allocation, where each by itself would take one, and another for its place in an
// interface. What is to come is counted, and room made for it; then text is written to, and each argument ended.
type words struct {
	text strings.Builder
	ends []int
	n    int // of arguments, counted
	size int // of their text
}

// count says that one more argument will come, of so many bytes.
func (w *words) count(size int) { w.n, w.size = w.n+1, w.size+size }

// grow makes room for what was counted.
func (w *words) grow() {
	if w.n > 0 {
		w.text.Grow(w.size)
		w.ends = make([]int, 0, w.n)
	}
}

// end ends an argument.
func (w *words) end() { w.ends = append(w.ends, w.text.Len()) }

// args returns the arguments, as pointers to strings, which the client writes as strings.
func (w *words) args() []any {
	text, from := w.text.String(), 0
	list, args := make([]string, len(w.ends)), make([]any, len(w.ends))
	for i, to := range w.ends {
		list[i] = text[from:to]
		args[i] = &list[i]
		from = to
	}
	return args
}
