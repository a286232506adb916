package config

import (
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTLSClient(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	empty := write("empty.pem", "no certificate\n")

	if c, err := (&TLS{}).Client(); c != nil || err != nil {
		t.Errorf("not enabled: %v, %v", c, err)
	}
	settings := TLS{Enabled: true, CA: ca, ServerName: "example.com", MinVersion: TLS13}
	c, err := settings.Client()
	if err != nil {
		t.Fatal(err)
	}
	if c.MinVersion != tls.VersionTLS13 {
		t.Errorf("the lowest version is %x", c.MinVersion)
	}
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), c)
	if err != nil {
		t.Fatalf("the authority of the file is not trusted: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	for want, bad := range map[string]TLS{
		"reading the authorities to trust: open":                    {Enabled: true, CA: filepath.Join(folder, "no.pem")},
		"reading the authorities to trust: " + empty + " holds no":  {Enabled: true, CA: empty},
		"reading the client's certificate: open":                    {Enabled: true, Cert: filepath.Join(folder, "no.pem"), Key: ca},
		"reading the client's certificate: tls: failed to find any": {Enabled: true, Cert: empty, Key: empty},
	} {
		if _, err := bad.Client(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestBearer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	s := SASL{TokenFile: file}
	if _, err := s.Bearer(); err == nil {
		t.Error("a token file that is not there is accepted")
	}
	for _, token := range []string{"first", "second"} { // the file is read anew
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Bearer(); got != token || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bearer(); err == nil {
		t.Error("an empty token file is accepted")
	}
	if got, err := (&SASL{Token: "given"}).Bearer(); got != "given" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
