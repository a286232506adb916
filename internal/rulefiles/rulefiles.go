// Package rulefiles owns the files that rules are in: which there are, by which names they are asked for, and how one is replaced so that no
// reader and no crash sees half of it, and nobody overwrites what they have not seen. It must not know what rules mean: whoever opens the
// files says how they are compiled and put in force.
package rulefiles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ruas/ruas/internal/rule"
)

// Options says where files are. The zero value of a field is none.
type Options struct {
	// Paths are files and folders that are read and never written.
	Paths []string
	// Folder is read too, and is where files may be written; it need not hold any. Where one of Paths is the same folder, or a file in it,
	// this counts.
	Folder string
	// Closed says why nothing may be written where there is no Folder.
	Closed string
	// Compile checks whole rules, from names to texts. use puts them in force; nil: the next start does.
	Compile func(files map[string][]byte) (use func(context.Context), err error)
}

// File is a file of rules.
type File struct {
	// Name is its base name; for one outside the Folder as much of its path before it as tells it from others.
	Name string
	Path string
	Text []byte
	// Hash is that of the text, in hexadecimal.
	Hash string
	// Writable files may be replaced and removed.
	Writable bool
}

// Store reads and changes the files. It is safe for concurrent use.
type Store struct {
	opt     Options
	paths   []string // without the folder
	changes sync.Mutex

	mu      sync.Mutex
	inForce string // the digest of the files that the rules in force were read from
}

// Open looks at the folder; it reads no file.
func Open(opt Options) (*Store, error) {
	s := &Store{opt: opt, paths: opt.Paths}
	if opt.Folder == "" {
		return s, nil
	}
	s.opt.Folder = filepath.Clean(opt.Folder)
	info, err := os.Stat(s.opt.Folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s for rules to be written in", s.opt.Folder)
	case err != nil:
		return nil, fmt.Errorf("looking at the folder for rules: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is no folder: rules cannot be written in it", s.opt.Folder)
	}
	s.paths = slices.DeleteFunc(slices.Clone(opt.Paths), func(path string) bool {
		other, err := os.Stat(path)
		return err == nil && os.SameFile(info, other)
	})
	return s, nil
}

// Closed says why no file may be written; empty: files may.
func (s *Store) Closed() string {
	if s.opt.Folder == "" {
		return s.opt.Closed
	}
	return ""
}

// Load gives the texts by path, and takes them for those that are put in force.
func (s *Store) Load() (map[string][]byte, error) {
	files, err := s.Files()
	if err != nil {
		return nil, err
	}
	s.use(files)
	texts := make(map[string][]byte, len(files))
	for i := range files {
		texts[files[i].Path] = files[i].Text
	}
	return texts, nil
}

func (s *Store) use(files []File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inForce = digest(files)
}

// Pending tells whether files differ from those that the rules in force were read from.
func (s *Store) Pending(files []File) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inForce != digest(files)
}

// digest is a hash of files and where they are.
func digest(files []File) string {
	lines := make([]string, len(files))
	for i := range files {
		lines[i] = files[i].Hash + files[i].Path
	}
	slices.Sort(lines)
	return hashOf([]byte(strings.Join(lines, "\n")))
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Files reads all files as they are now, sorted by name. The error is rule.Errors where a folder holds none.
func (s *Store) Files() ([]File, error) {
	var files []File
	within := map[string]bool{} // by path
	taken := map[string]bool{}  // by name
	if s.opt.Folder != "" {
		paths, err := rule.Files(s.opt.Folder)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			f, err := s.look(filepath.Base(path))
			if errors.Is(err, fs.ErrNotExist) {
				continue // it was removed meanwhile
			}
			if err != nil {
				return nil, err
			}
			files = append(files, f)
			within[path], taken[f.Name] = true, true
		}
	}
	others, err := rule.Read(s.paths)
	if err != nil {
		return nil, err
	}
	var paths []string
	for path := range others {
		if !within[path] {
			paths = append(paths, path)
		}
	}
	for path, name := range shortest(paths, taken) {
		files = append(files, File{Name: name, Path: path, Text: others[path], Hash: hashOf(others[path])})
	}
	if len(files) == 0 {
		return nil, rule.Errors{rule.NoFiles(s.opt.Folder)}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// look reads a file of the folder.
func (s *Store) look(name string) (File, error) {
	f := File{Name: name, Path: filepath.Join(s.opt.Folder, name)}
	info, err := os.Lstat(f.Path)
	if err == nil {
		f.Text, err = os.ReadFile(f.Path)
	}
	if err != nil {
		return f, fmt.Errorf("reading rules: %w", err)
	}
	// To replace a link would leave what it leads to as it is.
	f.Hash, f.Writable = hashOf(f.Text), info.Mode().IsRegular() && fitting.MatchString(name)
	return f, nil
}

// fitting is what files that are written are called: none is hidden, in another folder, or passed over when rules are read.
var fitting = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.ya?ml$`)

// shortest gives each path as few of its last parts as tell it from the others and from names that are taken.
func shortest(paths []string, taken map[string]bool) map[string]string {
	names := make(map[string]string, len(paths))
	for parts := 1; len(paths) > 0; parts++ {
		count := map[string]int{}
		for _, path := range paths {
			count[tail(path, parts)]++
		}
		var again []string
		for _, path := range paths {
			if name := tail(path, parts); name == path || count[name] == 1 && !taken[name] {
				names[path] = name
			} else {
				again = append(again, path)
			}
		}
		paths = again
	}
	return names
}

// tail gives the last parts of a path.
func tail(path string, parts int) string {
	for i := len(path) - 1; i >= 0; i-- {
		if os.IsPathSeparator(path[i]) {
			if parts--; parts == 0 {
				return path[i+1:]
			}
		}
	}
	return path
}
