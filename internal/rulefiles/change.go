package rulefiles

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/ruas/ruas/internal/rule"
)

// maxFiles is how many files there may be for one more to be written.
const maxFiles = 1000

// Change tells what became of a file.
type Change struct {
	Name string
	// Before and After are the hashes of its text; empty: there was, or is, no such file.
	Before, After string
	// InForce says that the rules are in force; else the next start puts them there.
	InForce bool
}

// Why a change was refused. Whatever the reason, nothing was changed.
var (
	// ErrNoFile says that there is no such file to be removed.
	ErrNoFile = errors.New("there is no such file")
	// ErrChanged says that the file is another one than was looked at.
	ErrChanged = errors.New("the file changed meanwhile")
)

// Closed says that a file may not be written, and why.
type Closed struct{ Why string }

func (e *Closed) Error() string { return e.Why }

// Unfit says why a file cannot be written under such a name, or removed.
type Unfit struct{ Why string }

func (e *Unfit) Error() string { return e.Why }

// Wrong says that the rules, as they would be, do not compile.
type Wrong struct{ Err error }

func (e *Wrong) Error() string { return "the rules do not compile: " + e.Err.Error() }
func (e *Wrong) Unwrap() error { return e.Err }

// Save writes a file of the folder, a new one or over one that is there. seen is asked whether the caller knows what is there (nil: no
// file); its error refuses. Errors are those above, or what went wrong with the disk.
func (s *Store) Save(ctx context.Context, name string, text []byte, seen func(*File) error) (Change, error) {
	if text == nil {
		text = []byte{}
	}
	return s.change(ctx, name, text, seen)
}

// Remove removes a file of the folder. seen is as for Save.
func (s *Store) Remove(ctx context.Context, name string, seen func(*File) error) (Change, error) {
	return s.change(ctx, name, nil, seen)
}

// change gives a file another text; nil: it is removed.
func (s *Store) change(ctx context.Context, name string, text []byte, seen func(*File) error) (Change, error) {
	done := Change{Name: name}
	if s.opt.Folder == "" {
		return done, &Closed{s.opt.Closed}
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	files, err := s.Files()
	if mistakes := (rule.Errors)(nil); errors.As(err, &mistakes) {
		return done, &Wrong{err}
	}
	if err != nil {
		return done, err
	}
	var is *File
	if at := slices.IndexFunc(files, func(f File) bool { return f.Name == name }); at >= 0 {
		is, done.Before = &files[at], files[at].Hash
	}
	if err := s.allowed(name, is, text != nil, len(files)); err != nil {
		return done, err
	}
	if err := seen(is); err != nil {
		return done, err
	}
	after := slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Name == name })
	if text != nil {
		done.After = hashOf(text)
		after = append(after, File{Name: name, Path: filepath.Join(s.opt.Folder, name), Text: text, Hash: done.After, Writable: true})
	}
	use, err := s.compile(after)
	if err != nil {
		return done, err
	}
	if err := s.replace(name, text, is); err != nil {
		return done, err
	}
	if use != nil {
		use(ctx)
		s.use(after)
		done.InForce = true
	}
	return done, nil
}

// allowed refuses what may not be written or removed. is is the file of that name; nil: there is none.
func (s *Store) allowed(name string, is *File, write bool, files int) error {
	switch {
	case is != nil && !is.Writable:
		return &Closed{name + " is not a file of the folder where rules may be written, or is a link there"}
	case is == nil && !write:
		return ErrNoFile
	case is == nil && !fitting.MatchString(name):
		return &Unfit{"a file of rules is called by letters, digits, dot, dash and underscore, at most 100, with .yaml or .yml at the end"}
	case is == nil && files >= maxFiles:
		return &Unfit{fmt.Sprintf("there are %d files of rules already", files)}
	case !write && files == 1:
		return &Unfit{"it is the last file of rules"}
	case !write && slices.Contains(cleaned(s.paths), is.Path):
		return &Unfit{"the configuration names this very file among its segments: without it ruas would not start"}
	}
	return nil
}

func cleaned(paths []string) []string {
	out := make([]string, len(paths))
	for i, path := range paths {
		out[i] = filepath.Clean(path)
	}
	return out
}

func (s *Store) compile(files []File) (use func(context.Context), err error) {
	texts := make(map[string][]byte, len(files))
	for i := range files {
		texts[files[i].Name] = files[i].Text
	}
	if use, err = s.opt.Compile(texts); err != nil {
		return nil, &Wrong{err}
	}
	return use, nil
}

// replace gives a file another text in one step, or makes or removes it, if it still is what it was. Nothing is followed out of the folder.
func (s *Store) replace(name string, text []byte, is *File) error {
	folder, err := os.OpenRoot(s.opt.Folder)
	if err != nil {
		return unwritten(err)
	}
	defer func() { _ = folder.Close() }()
	unlock, err := lock(folder)
	if err != nil {
		return unwritten(err)
	}
	defer unlock()
	// Who edits the files by hand, and another process until now, was not held up.
	now, err := s.look(name)
	gone := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !gone:
		return err
	case gone != (is == nil), is != nil && now.Hash != is.Hash:
		return ErrChanged
	case text == nil:
		err = folder.Remove(name)
	default:
		err = write(folder, name, text, is != nil)
	}
	if err == nil {
		err = settle(folder)
	}
	return unwritten(err)
}

// write writes beside the file, and gives that its name when all of it is on the disk.
func write(folder *os.Root, name string, text []byte, there bool) (err error) {
	mode := fs.FileMode(0o644)
	if there {
		info, err := folder.Lstat(name)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm()
	}
	beside := "." + rand.Text() + ".tmp" // hidden: not read as rules, whatever becomes of it
	f, err := folder.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Remove(beside) }() // gone already, where it was given the name
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if !there {
		switch err := folder.Link(beside, name); {
		case err == nil:
			return nil
		case errors.Is(err, fs.ErrExist):
			return ErrChanged
		}
		// There are file systems without links.
	}
	return folder.Rename(beside, name)
}

// settle makes names last.
func settle(folder *os.Root) error {
	f, err := folder.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}

// unwritten tells a folder that does not let itself be written from what else went wrong.
func unwritten(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrChanged):
		return err
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return &Closed{"the folder for rules does not let ruas write"}
	}
	return fmt.Errorf("writing rules: %w", err)
}
