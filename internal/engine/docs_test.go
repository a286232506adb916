package engine

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestStatePage makes the example of docs/state.md: its rule and its events lead to the bytes that it explains.
func TestStatePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/state.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(opening string) string {
		t.Helper()
		found := regexp.MustCompile("(?ms)^" + opening + "\n(.*?)\n```").FindSubmatch(page)
		if found == nil {
			t.Fatalf("the page has no block %s", opening)
		}
		return string(found[1])
	}
	b := newBench(t, []byte(block("```yaml")), Options{})
	c, clock := b.eng.NewCustomer("c42"), int64(0)
	for line := range strings.Lines(block("```json")) {
		b.step(c, &clock, line)
	}
	var text strings.Builder
	for line := range strings.Lines(block("63 bytes are kept of c42:\n```")) {
		bytesOf := regexp.MustCompile(`^ *((?:[0-9a-f]{2})+(?: (?:[0-9a-f]{2})+)*)  `).FindStringSubmatch(line)
		if bytesOf == nil {
			t.Fatalf("no bytes in %q", line)
		}
		text.WriteString(strings.ReplaceAll(bytesOf[1], " ", ""))
	}
	want, err := hex.DecodeString(text.String())
	if err != nil {
		t.Fatal(err)
	}
	if got := b.eng.Encode(c, nil); !bytes.Equal(got, want) {
		t.Errorf("the state is\n%x\nand the page says\n%x", got, want)
	}
	if !bytes.Contains(page, []byte("63 bytes")) || len(want) != 63 {
		t.Errorf("the page does not say that there are %d bytes", len(want))
	}
}
