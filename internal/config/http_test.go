package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHTTPMistakes(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		`{tokens: {name: a}}`:                                                                                          "http.tokens: want a list of tokens",
		`{tokens: [{name: a, sha256: 12, scopes: [read]}]}`:                                                            "sha256 is no hash",
		`{tokens: [{name: a b, sha256: ` + hash + `, scopes: [read]}]}`:                                                `"a b" is no name for a token`,
		`{tokens: [{name: a, sha256: ` + hash + `}]}`:                                                                  "has no scopes",
		`{tokens: [{name: a, sha256: ` + hash + `, scopes: [raed]}]}`:                                                  `did you mean "read"?`,
		`{tokens: [{name: a, sha: ` + hash + `}]}`:                                                                     "unknown key",
		`{tokens: [{name: a, sha256: ` + hash + `, scopes: [read]}, {name: a, sha256: ` + hash + `, scopes: [read]}]}`: "two tokens named a",
		`{cors: [shop.example]}`:                                                                                       "is no origin",
		`{cors: ["https://a.example/x"]}`:                                                                              "is no origin",
		`{tls: {cert: a.pem}}`:                                                                                         "cert and key go together",
		`{rate: -1}`:                                                                                                   "must not be negative",
	} {
		_, err := Parse("ruas.yaml", []byte("http: "+text), nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "ruas.yaml:1") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestExposed(t *testing.T) {
	for listen, exposed := range map[string]bool{
		"": false, "127.0.0.1:1": false, "localhost:1": false, "[::1]:1": false, "127.9.9.9:1": false, ":1": true, "0.0.0.0:1": true, "[::]:1": true, "10.0.0.1:1": true, "shop:1": true,
	} {
		if got := (&HTTP{Listen: listen}).Exposed(); got != exposed {
			t.Errorf("%q is exposed: %v", listen, got)
		}
	}
	for _, h := range []HTTP{{Listen: ":1", Tokens: make([]Token, 1)}, {Listen: ":1", Unauthenticated: true}} {
		if h.Exposed() {
			t.Errorf("%+v is exposed", h)
		}
	}
}

// TestCertificatesAreRenewed replaces the files under a server's settings, first by what is none.
func TestCertificatesAreRenewed(t *testing.T) {
	folder := t.TempDir()
	settings := ServerTLS{Cert: filepath.Join(folder, "cert.pem"), Key: filepath.Join(folder, "key.pem")}
	if _, err := settings.Server(); err == nil {
		t.Fatal("there is no certificate, and that is no error")
	}
	if c, err := new(ServerTLS).Server(); c != nil || err != nil {
		t.Fatalf("without TLS: %v, %v", c, err)
	}
	writePair(t, &settings, 1)
	c, err := settings.Server()
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		pair, err := c.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("serial %d", got)
	}
	if err := os.WriteFile(settings.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 1 {
		t.Errorf("serial %d while the files are replaced", got)
	}
	writePair(t, &settings, 2)
	if err := os.Chtimes(settings.Cert, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("serial %d after the files were replaced", got)
	}
}

func writePair(t *testing.T, settings *ServerTLS, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, &made, &made, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{settings.Cert: {Type: "CERTIFICATE", Bytes: cert}, settings.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
