package rulefiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ruas/ruas/internal/rule"
)

// folder makes files in a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	at := t.TempDir()
	for name, text := range files {
		path := filepath.Join(at, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// good takes every text but those that hold "wrong".
func good(files map[string][]byte) (func(context.Context), error) {
	for name, text := range files {
		if bytes.Contains(text, []byte("wrong")) {
			return nil, rule.Errors{{File: name, Line: 1, Message: "it is wrong"}}
		}
	}
	return nil, nil
}

func open(t *testing.T, opt Options) *Store {
	t.Helper()
	if opt.Compile == nil {
		opt.Compile = good
	}
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(); err != nil {
		t.Fatal(err)
	}
	return s
}

// list writes names, with a star those of files that may be written, and texts.
func list(t *testing.T, s *Store) string {
	t.Helper()
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(files))
	for i := range files {
		if out[i] = files[i].Name; files[i].Writable {
			out[i] += "*"
		}
		out[i] += "=" + string(files[i].Text)
	}
	return strings.Join(out, " ")
}

// anyway knows whatever is there.
func anyway(*File) error { return nil }

func TestNames(t *testing.T) {
	at := folder(t, map[string]string{
		"a/x.yaml": "1", "a/.hidden.yaml": "no", "a/notes.txt": "no", "b/x.yaml": "2", "b/y.yml": "3", "mine/z.yaml": "4", "mine/y.yml": "5",
		"mine/with space.yaml": "6", "mine/.tmp": "no", "c/one.yaml": "7",
	})
	if err := os.Symlink(filepath.Join(at, "c/one.yaml"), filepath.Join(at, "mine/link.yaml")); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Paths: []string{at + "/a", at + "/b", at + "/mine/../mine", at + "/mine/z.yaml", at + "/c/one.yaml"}, Folder: at + "/mine"})
	const want = "a/x.yaml=1 b/x.yaml=2 b/y.yml=3 link.yaml=7 one.yaml=7 with space.yaml=6 y.yml*=5 z.yaml*=4"
	if got := list(t, s); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s = open(t, Options{Paths: []string{at + "/a", at + "/mine"}, Closed: "why"})
	if got := list(t, s); strings.Contains(got, "*") || s.Closed() != "why" {
		t.Errorf("without a folder to write in: %s, closed %q", got, s.Closed())
	}
}

func TestFolders(t *testing.T) {
	at := folder(t, map[string]string{"a.yaml": "1", "empty/x.txt": ""})
	for path, want := range map[string]string{at + "/none": "there is no folder", at + "/a.yaml": "is no folder"} {
		if _, err := Open(Options{Folder: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	s, err := Open(Options{Folder: at + "/empty"})
	if err != nil {
		t.Fatal(err)
	}
	mistakes := rule.Errors(nil)
	if _, err := s.Load(); !errors.As(err, &mistakes) || !strings.Contains(err.Error(), "there is no rule file") {
		t.Errorf("no file at all: %v", err)
	}
	s = open(t, Options{Folder: at + "/empty", Paths: []string{at + "/a.yaml"}})
	if got := list(t, s); got != "a.yaml=1" {
		t.Errorf("with an empty folder beside: %s", got)
	}
}

func TestChanges(t *testing.T) {
	at := folder(t, map[string]string{"fixed/a.yaml": "1", "mine/b.yaml": "2"})
	s := open(t, Options{Paths: []string{at + "/fixed"}, Folder: at + "/mine"})
	steps := []struct {
		name, text, want string
		before, after    string
	}{
		{"b.yaml", "two", "a.yaml=1 b.yaml*=two", "2", "two"},
		{"c.yml", "3", "a.yaml=1 b.yaml*=two c.yml*=3", "", "3"},
		{"c.yml", "", "a.yaml=1 b.yaml*=two", "3", ""},
		{"b.yaml", "", "a.yaml=1", "two", ""},
		{"b.yaml", "2", "a.yaml=1 b.yaml*=2", "", "2"},
	}
	hash := func(text string) string {
		if text == "" {
			return ""
		}
		return hashOf([]byte(text))
	}
	for i, step := range steps {
		seen := ""
		look := func(f *File) error {
			if f != nil {
				seen = string(f.Text)
			}
			return nil
		}
		var (
			done Change
			err  error
		)
		if step.text == "" {
			done, err = s.Remove(t.Context(), step.name, look)
		} else {
			done, err = s.Save(t.Context(), step.name, []byte(step.text), look)
		}
		if err != nil || done != (Change{step.name, hash(step.before), hash(step.after), false}) || seen != step.before {
			t.Errorf("step %d: %+v, seen %q, %v", i, done, seen, err)
		}
		if got := list(t, s); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
		files, err := s.Files()
		if err != nil {
			t.Fatal(err)
		}
		// The last step makes what there was at the beginning.
		if want := i < len(steps)-1; s.Pending(files) != want {
			t.Errorf("step %d: pending %v", i, !want)
		}
	}
	info, err := os.Stat(at + "/mine/b.yaml")
	if err != nil || info.Mode().Perm()&0o044 == 0 {
		t.Errorf("a new file can be read by its owner alone: %v, %v", info, err)
	}
	entries, err := os.ReadDir(at + "/mine")
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestRightsStay(t *testing.T) {
	at := folder(t, map[string]string{"a.yaml": "1"}) // which only its owner may read
	s := open(t, Options{Folder: at})
	if _, err := s.Save(t.Context(), "a.yaml", []byte("2"), anyway); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(at + "/a.yaml"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestRefusedChanges(t *testing.T) {
	at := folder(t, map[string]string{"fixed/a.yaml": "1", "mine/b.yaml": "2", "mine/named.yaml": "3", "out/secret.yaml": "4"})
	for link, to := range map[string]string{"mine/link.yaml": "out/secret.yaml", "mine/sub": "out"} {
		if err := os.Symlink(filepath.Join(at, to), filepath.Join(at, link)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Options{Paths: []string{at + "/fixed", at + "/mine/named.yaml"}, Folder: at + "/mine"})
	before := list(t, s)
	unfit, closed, wrong := new(*Unfit), new(*Closed), new(*Wrong)
	as := func(target any) func(error) bool { return func(err error) bool { return errors.As(err, target) } }
	for _, c := range []struct {
		name, text string // no text: to remove
		is         func(error) bool
	}{
		{"", "x", as(unfit)},
		{".", "x", as(unfit)},
		{"..", "x", as(unfit)},
		{"../fixed/c.yaml", "x", as(unfit)},
		{"../../c.yaml", "x", as(unfit)},
		{"sub/c.yaml", "x", as(unfit)},
		{`sub\c.yaml`, "x", as(unfit)},
		{filepath.Join(at, "c.yaml"), "x", as(unfit)},
		{"c.yaml\x00", "x", as(unfit)},
		{"c.yaml/", "x", as(unfit)},
		{"c.yaml\n", "x", as(unfit)},
		{".c.yaml", "x", as(unfit)},
		{"-c.yaml", "x", as(unfit)},
		{"c.txt", "x", as(unfit)},
		{".yaml", "x", as(unfit)},
		{"ç.yaml", "x", as(unfit)},
		{strings.Repeat("c", 102) + ".yaml", "x", as(unfit)},
		{"a.yaml", "x", as(closed)},
		{"link.yaml", "x", as(closed)},
		{"link.yaml", "", as(closed)},
		{"a.yaml", "", as(closed)},
		{"c.yaml", "wrong", as(wrong)},
		{"b.yaml", "wrong", as(wrong)},
		{"named.yaml", "", as(unfit)},
		{"c.yaml", "", func(err error) bool { return errors.Is(err, ErrNoFile) }},
		{"../fixed/a.yaml", "", func(err error) bool { return errors.Is(err, ErrNoFile) }},
	} {
		var err error
		if c.text == "" {
			_, err = s.Remove(t.Context(), c.name, anyway)
		} else {
			_, err = s.Save(t.Context(), c.name, []byte(c.text), anyway)
		}
		if !c.is(err) {
			t.Errorf("%q, %q: %v", c.name, c.text, err)
		}
	}
	own := errors.New("not seen")
	if _, err := s.Save(t.Context(), "b.yaml", []byte("x"), func(*File) error { return own }); !errors.Is(err, own) {
		t.Errorf("who has not seen it: %v", err)
	}
	if got := list(t, s); got != before {
		t.Errorf("something changed:\n%s\n%s", before, got)
	}
	if _, err := os.Lstat(at + "/out/c.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written elsewhere: %v", err)
	}
	s = open(t, Options{Paths: []string{at + "/mine"}, Closed: "because"})
	if _, err := s.Save(t.Context(), "b.yaml", []byte("x"), anyway); !errors.As(err, closed) || err.Error() != "because" {
		t.Errorf("without a folder to write in: %v", err)
	}
	s = open(t, Options{Folder: at + "/fixed"})
	if _, err := s.Remove(t.Context(), "a.yaml", anyway); !errors.As(err, unfit) {
		t.Errorf("the last file: %v", err)
	}
}

// TestChangedByHand edits the folder while rules are compiled: what came meanwhile stays.
func TestChangedByHand(t *testing.T) {
	at := folder(t, map[string]string{"a.yaml": "1", "b.yaml": "2"})
	hand := func() {}
	s := open(t, Options{Folder: at, Compile: func(map[string][]byte) (func(context.Context), error) { hand(); return nil, nil }})
	write := func(name, text string) func() {
		return func() {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	for what, c := range map[string]struct {
		name string
		hand func()
	}{
		"edited":  {"a.yaml", write("a.yaml", "by hand")},
		"made":    {"c.yaml", write("c.yaml", "by hand")},
		"removed": {"b.yaml", func() { _ = os.Remove(filepath.Join(at, "b.yaml")) }},
	} {
		hand = c.hand
		if _, err := s.Save(t.Context(), c.name, []byte("new"), anyway); !errors.Is(err, ErrChanged) {
			t.Errorf("%s by hand: %v", what, err)
		}
	}
	if got := list(t, s); got != "a.yaml*=by hand c.yaml*=by hand" {
		t.Errorf("left: %s", got)
	}
}

// TestOneWins saves a file from many sides, each of which has seen the same text: some through a store of their own, as other processes do.
func TestOneWins(t *testing.T) {
	at := folder(t, map[string]string{"a.yaml": "first"})
	stores := []*Store{open(t, Options{Folder: at}), open(t, Options{Folder: at}), open(t, Options{Folder: at})}
	for _, name := range []string{"a.yaml", "new.yaml"} {
		var (
			won  atomic.Int32
			all  sync.WaitGroup
			last atomic.Value
		)
		stale := errors.New("stale")
		for i := range 20 {
			all.Go(func() {
				text := fmt.Sprintf("by %d", i)
				_, err := stores[i%len(stores)].Save(t.Context(), name, []byte(text), func(f *File) error {
					if f == nil || string(f.Text) == "first" {
						return nil
					}
					return stale
				})
				if err == nil {
					won.Add(1)
					last.Store(text)
				} else if !errors.Is(err, stale) && !errors.Is(err, ErrChanged) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		text, err := os.ReadFile(filepath.Join(at, name))
		if won.Load() != 1 || err != nil || string(text) != last.Load() {
			t.Errorf("%s: %d won, it holds %q: %v", name, won.Load(), text, err)
		}
	}
}

// TestReadersSeeWholeFiles reads while a long file is replaced by another one again and again.
func TestReadersSeeWholeFiles(t *testing.T) {
	one, other := strings.Repeat("1", 200_000), strings.Repeat("2", 100_000)
	at := folder(t, map[string]string{"a.yaml": one})
	s := open(t, Options{Folder: at})
	end := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			files, err := s.Files()
			if err != nil || len(files) != 1 || string(files[0].Text) != one && string(files[0].Text) != other {
				t.Errorf("%d files: %v", len(files), err)
				return
			}
		}
	})
	for i := range 20 {
		text := one
		if i%2 == 0 {
			text = other
		}
		if _, err := s.Save(t.Context(), "a.yaml", []byte(text), anyway); err != nil {
			t.Error(err)
		}
	}
	close(end)
	reader.Wait()
}

func TestInForceAtOnce(t *testing.T) {
	at := folder(t, map[string]string{"a.yaml": "1"})
	used := ""
	s := open(t, Options{Folder: at, Compile: func(files map[string][]byte) (func(context.Context), error) {
		return func(context.Context) { used = string(files["a.yaml"]) }, nil
	}})
	done, err := s.Save(t.Context(), "a.yaml", []byte("2"), anyway)
	if err != nil || !done.InForce || used != "2" {
		t.Errorf("%+v, in force %q: %v", done, used, err)
	}
	files, err := s.Files()
	if err != nil || s.Pending(files) {
		t.Errorf("it is pending: %v", err)
	}
	if err := os.WriteFile(at+"/a.yaml", []byte("3"), 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err = s.Files(); err != nil || !s.Pending(files) {
		t.Errorf("what was written by hand is not pending: %v", err)
	}
}
