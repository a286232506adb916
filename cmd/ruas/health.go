package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/internal/config"
)

// newHealth is for containers: the image has no shell and no curl.
func newHealth(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a ruas on this machine whether it is ready",
		Long:  "Asks the ruas that runs on this machine with the same configuration whether it is ready: a health check for containers.\n" + exitCodes,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(path, s.environ)
			if err != nil {
				return err
			}
			listen := c.HTTP.Listen
			if listen == "" {
				listen = c.Admin.Listen
			}
			host, port, err := net.SplitHostPort(listen)
			if err != nil {
				return usage(errors.New("the configuration gives no address to ask: neither http.listen nor admin.listen"))
			}
			if host == "" || net.ParseIP(host).IsUnspecified() {
				host = "127.0.0.1"
			}
			client, scheme := http.Client{Timeout: 5 * time.Second}, "http"
			if listen == c.HTTP.Listen && c.HTTP.TLS.Cert != "" {
				scheme = "https"
				// The certificate bears another name than this machine's own; nothing is sent, and only a status is read.
				client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
			}
			request, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
			if err != nil {
				return err
			}
			answer, err := client.Do(request)
			if err != nil {
				return unreachable(err)
			}
			if err := answer.Body.Close(); err != nil {
				return unreachable(err)
			}
			if answer.StatusCode != http.StatusOK {
				return unreachable(fmt.Errorf("not ready: %s", answer.Status))
			}
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}
