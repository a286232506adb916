// Package console owns the web page for people: segments, customers and why they are where they are, and how the pipeline is doing. The
// page is embedded, loads nothing from elsewhere, and knows ruas through the HTTP API alone.
package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed static
var static embed.FS

// policy lets the page load and ask what is its own, and nothing else: no script and no style within a page, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one of the page's, as it is served.
type file struct {
	kind          string // its media type
	tag           string // its ETag: the files change with the binary, and carry no date
	plain, packed []byte
}

// files reads the page's files once; the paths begin with a slash.
var files = sync.OnceValue(func() map[string]*file {
	out := map[string]*file{}
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		f := &file{kind: kind(name), plain: plain, packed: pack(plain)}
		sum := fnv.New64a()
		_, _ = sum.Write(plain)
		f.tag = fmt.Sprintf(`"%x"`, sum.Sum64())
		out[strings.TrimPrefix(name, "static")] = f
		return nil
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
	out["/"] = out["/index.html"]
	return out
})

// kind is a file's media type, whatever the machine's own table says.
func kind(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}

func pack(plain []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

// Handler serves the page.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		f := files()[r.URL.Path]
		if f == nil {
			http.Error(w, "there is no such page", http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
			return
		}
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "no-cache") // ask whether it is still the same
		h.Set("Etag", f.tag)
		h.Set("Vary", "Accept-Encoding")
		body := f.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.packed
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}
