package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/client"
)

// The variables of commands that ask a running ruas. They are no keys of the configuration: who asks need not have one.
const (
	envURL   = "RUAS_CLIENT_URL"
	envToken = "RUAS_CLIENT_TOKEN" //nolint:gosec // the name of a variable, not a token
	envCA    = "RUAS_CLIENT_CA"
)

const askHelp = `
Asks a running ruas (ruas run, ruas api or ruas demo) at --url, or RUAS_CLIENT_URL. A token is read from RUAS_CLIENT_TOKEN: on the command
line others on this machine could see it.
` + exitCodes

// asking is what commands that ask a running ruas have in common.
type asking struct {
	streams streams
	url, ca string
	json    bool
}

// askingFlags adds the flags of a command that asks.
func askingFlags(cmd *cobra.Command, s streams) *asking {
	a := &asking{streams: s}
	at := variable(s.environ, envURL)
	if at == "" {
		at = "http://127.0.0.1:8080"
	}
	cmd.Flags().StringVar(&a.url, "url", at, "address of the ruas to ask")
	cmd.Flags().StringVar(&a.ca, "ca", variable(s.environ, envCA), "PEM `file` with the authorities to trust, where its certificate is not known to the system")
	cmd.Flags().BoolVar(&a.json, "json", false, "write JSON, as the API answers")
	return a
}

func variable(environ []string, name string) string {
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// client makes the client.
func (a *asking) client() (*client.Client, error) {
	var options []client.Option
	if token := variable(a.streams.environ, envToken); token != "" {
		options = append(options, client.WithToken(token))
	}
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, usage(fmt.Errorf("reading the authorities to trust: %w", err))
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, usage(fmt.Errorf("reading the authorities to trust: %s holds no PEM certificate", a.ca))
		}
		options = append(options, client.WithHTTP(&http.Client{
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		}))
	}
	c, err := client.New(a.url, options...)
	return c, usage(err)
}

// asked gives an error its exit code: what ruas refuses is wrong input, and what does not answer is out of reach.
func asked(err error) error {
	p := new(client.Problem)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p) && p.Status < http.StatusInternalServerError && p.Status != http.StatusUnauthorized && p.Status != http.StatusForbidden:
		return err
	}
	return unreachable(err)
}

// someArguments wants so many arguments, named for the message.
func someArguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage(fmt.Errorf("%s wants %s, and was given %d arguments", cmd.Name(), strings.Join(names, " and "), len(args)))
		}
		for i, name := range names {
			if args[i] == "" {
				return usage(fmt.Errorf("%s is empty", name))
			}
		}
		return nil
	}
}
