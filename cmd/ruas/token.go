package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"
)

func newToken(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "Make a bearer token for the API",
		Long: `Makes a new bearer token and writes it with its hash. The token is for who asks (RUAS_CLIENT_TOKEN, Authorization: Bearer …); the hash is for
the configuration (http.tokens). ruas keeps neither.
` + exitCodes,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			token := "ruas_" + rand.Text()
			hash := sha256.Sum256([]byte(token))
			_, err := fmt.Fprintf(s.out, "token:  %s\nsha256: %s\n", token, hex.EncodeToString(hash[:]))
			return err
		},
	}
}
