package nats

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

// seed makes a key and gives its seed and its public part.
func seed(t *testing.T, make func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, secret, public string) {
	t.Helper()
	pair, err := make()
	if err != nil {
		t.Fatal(err)
	}
	b, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, err = pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return pair, string(b), public
}

// issued are credentials of a user of an account, and what a server is told to know
// them.
func issued(t *testing.T) (credentials, config string) {
	t.Helper()
	operator, _, operatorID := seed(t, nkeys.CreateOperator)
	account, _, accountID := seed(t, nkeys.CreateAccount)
	_, _, systemID := seed(t, nkeys.CreateAccount) // JetStream wants one
	system, err := jwt.NewAccountClaims(systemID).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	_, userSeed, userID := seed(t, nkeys.CreateUser)
	top, err := jwt.NewOperatorClaims(operatorID).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := jwt.NewAccountClaims(accountID).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewUserClaims(userID)
	user, err := claims.Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	both, err := jwt.FormatUserConfig(user, []byte(userSeed))
	if err != nil {
		t.Fatal(err)
	}
	return string(both), fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }\n", top, systemID, systemID, system, accountID, middle)
}

// TestLogins has a source and a sink log in to servers that speak TLS only, by NKey
// and by credentials; what is wrong is told without a secret.
func TestLogins(t *testing.T) {
	house, authority, put := connecttest.Trusting(t)
	_, good, public := seed(t, nkeys.CreateUser)
	_, wrong, _ := seed(t, nkeys.CreateUser)
	credentials, operated := issued(t)
	others, _ := issued(t)
	put("nkey", good+"\n")
	put("wrong-nkey", wrong+"\n")
	put("credentials", credentials)
	put("wrong-credentials", others)
	for _, c := range []struct{ how, config string }{
		{"nkey", "authorization { users: [ { nkey: " + public + " } ] }\n"},
		{"credentials", operated},
	} {
		n := natstest.Start(t, natstest.Options{Config: func(n *natstest.Node) string {
			own, err := authority.Server(t.TempDir(), []string{n.Host})
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("tls { cert_file: %q, key_file: %q }\n", own.Cert, own.Key) + c.config
		}}).Nodes[0]
		end := func(more ...string) connect.End {
			return connecttest.End(t, Protocol(), house, manifest.Kind{}, slices.Concat([]string{"servers", n.Addr(), "subject", "loose", "tls", "true", "ca", "ca", c.how, c.how}, more)...)
		}
		var s connecttest.Store
		stop := connecttest.Run(t, Protocol(), end(), &s)
		s.Connected(t)
		w := connecttest.Write(t, Protocol(), end())
		if err := w.Write(t.Context(), []connect.Written{{Key: c.how, Time: 1_772_000_000_000, Value: 7}}); err != nil {
			t.Errorf("%s: %v", c.how, err)
		}
		if got := s.Pieces(t, 1); got[0] != c.how+" 7" {
			t.Errorf("%s: %s", c.how, got)
		}
		stop()
		for want, more := range map[string][]string{
			"Authorization Violation":                 {c.how, "wrong-" + c.how},
			"certificate signed by unknown authority": {"ca", "foreign"},
		} {
			var s connecttest.Store
			stop := connecttest.Run(t, Protocol(), end(more...), &s)
			s.Broken(t, 0, want)
			stop()
			err := connecttest.Write(t, Protocol(), end(more...)).Write(t.Context(), []connect.Written{{Value: 7}})
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v", c.how, err)
			}
		}
	}
	put("nkey", "battery staple")
	if _, err := newReader(connecttest.End(t, Protocol(), house, text, "servers", "h", "subject", "s", "nkey", "nkey")); err == nil || strings.Contains(err.Error(), "battery") || errors.Unwrap(err) == nil {
		t.Error(err)
	}
}
