package config

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// Server gives the settings of a server; nil where connections are not encrypted. The certificate is read anew when its file changes.
func (t *ServerTLS) Server() (*tls.Config, error) {
	if t.Cert == "" {
		return nil, nil //nolint:nilnil // no TLS is no settings, which is what servers take
	}
	pair := &renewed{cert: t.Cert, key: t.Key}
	if _, err := pair.get(nil); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}, nil
}

// renewed is a certificate that is replaced while it is in use.
type renewed struct {
	cert, key string

	mu      sync.Mutex
	pair    *tls.Certificate
	written time.Time
}

// get reads the certificate, where it has changed. What cannot be read leaves the one before in use: its two files do not change at once.
func (r *renewed) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.cert)
	if err == nil && r.pair != nil && info.ModTime().Equal(r.written) {
		return r.pair, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(r.cert, r.key); err == nil {
			r.pair, r.written = &pair, info.ModTime()
		}
	}
	if r.pair == nil {
		return nil, fmt.Errorf("reading the server's certificate: %w", err)
	}
	return r.pair, nil
}
