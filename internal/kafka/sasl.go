package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// SASL says who we are to Kafka.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, or empty: none.
	Mechanism      string
	User, Password string // for PLAIN and SCRAM
	// Token gives the token for OAUTHBEARER; it is asked for every new connection, so that a token may be renewed.
	Token func() (string, error)
}

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil //nolint:nilnil // no mechanism is what no authentication means
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: s.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.User, Pass: s.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.User, Pass: s.Password}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		if s.Token == nil {
			return nil, errors.New("OAUTHBEARER needs a token")
		}
		return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
			token, err := s.Token()
			if err != nil {
				return oauth.Auth{}, fmt.Errorf("getting the token: %w", err)
			}
			return oauth.Auth{Token: token}, nil
		}), nil
	}
	return nil, fmt.Errorf("there is no SASL mechanism %q", s.Mechanism)
}
