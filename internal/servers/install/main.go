// Command install brings the servers that tests start as local processes onto this machine, ahead of the tests.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ruas/ruas/internal/servers"
)

func main() {
	if err := servers.Install(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "install:", err)
		os.Exit(1)
	}
}
