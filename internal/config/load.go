package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads the file at path, then the environment (os.Environ, as "NAME=value"), which wins, over the defaults. An empty path is
// no file: the defaults and the environment alone, relative to the current folder. An error about the content is Errors, with
// everything that is wrong.
func Load(path string, environ []string) (*Config, error) {
	var text []byte
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, Errors{{Text: fmt.Sprintf("there is no configuration file %s", path)}}
			}
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	c, err := Parse(path, text, environ)
	if err != nil {
		return nil, err
	}
	if path != "" {
		c.resolve(filepath.Dir(path))
	}
	return c, nil
}

// Parse is Load without IO: file is only a name for messages, and paths stay as they are written.
func Parse(file string, text []byte, environ []string) (*Config, error) {
	c := Default()
	d := &decoder{file: file, places: map[string]place{}}
	d.document(text, c)
	d.environment(environ, c)
	if len(d.errs) == 0 { // a value that was refused left its default behind, which is no base for further complaints
		d.validate(c)
	}
	if err := d.errs.sorted(); err != nil {
		return nil, err
	}
	return c, nil
}

// resolve makes every relative path one from the folder of the configuration file.
func (c *Config) resolve(folder string) {
	walk(c, func(k *key) {
		if !k.path {
			return
		}
		switch p := k.value.Addr().Interface().(type) {
		case *string:
			*p = from(folder, *p)
		case *[]string:
			for i := range *p {
				(*p)[i] = from(folder, (*p)[i])
			}
		}
	})
}

func from(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
