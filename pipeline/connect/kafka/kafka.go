package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

// Protocol is Kafka's.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "kafka",
		Summary: "Topics of Apache Kafka.",
		Details: "The key of a record is the key of values that have none, and its timestamp their time. A source reads every partition, also those that are made later, " +
			"and begins anew only when its group is another. The topic must exist. A sink writes a record for each result, with its key, its time and a header `id`, " +
			"which is the same when it is written again.",
		Example: `interfaces:
  - name: Over Kafka
    protocol: kafka
kinds:
  - name: Power as JSON
    quantityKind: TotalRealPower
    format: json
    unit: W
sourceDefinitions:
  - {name: Power over Kafka, interface: Over Kafka, kinds: [Power as JSON]}
sources:
  - name: Presses
    definition: Power over Kafka
    parameters: {brokers: "kafka-1.example.org:9093,kafka-2.example.org:9093", topic: presses, tls: true, sasl: scram-sha-512, user: wattwerk, password: kafka-password}
`,
		Parameters: append([]manifest.Parameter{
			{Name: "brokers", Description: "HOST:PORT of some brokers, with commas; they know the others."},
			{Name: "host", Description: "Instead of brokers: name or address of one."},
			{Name: "port", Type: manifest.Int, Description: "Its port.", Default: connect.Default(9092), Min: number(1), Max: number(65535)},
			{Name: "topic", Description: "Its name.", Required: true},
			{Name: "group", Description: "Of a source: the name under which it commits how far it is. Absent: wattwerk- and its identifier."},
			{Name: "from", Description: "Of a source that has never been read: with the earliest record that is kept, or with those that come from now on.", Default: connect.Default("earliest"), OneOf: []string{"earliest", "latest"}},
			{Name: "tls", Type: manifest.Bool, Description: "Speak TLS.", Default: connect.Default(false)},
			{Name: "sasl", Description: "How to log in.", Default: connect.Default("none"), OneOf: []string{"none", "plain", "scram-sha-256", "scram-sha-512"}},
			{Name: "user", Description: "Name to log in with."},
			{Name: "password", Type: manifest.Secret, Description: "File of the password."},
			{Name: "ca", Type: manifest.Secret, Description: "File of the certificates that the brokers' must be signed by. Absent: those of the system."},
			{Name: "cert", Type: manifest.Secret, Description: "File of our certificate, if the brokers want one."},
			{Name: "certKey", Type: manifest.Secret, Description: "File of its key."},
		}, format.Parameters()...),
		Reader: newReader,
		Writer: newWriter,
	}
}

func number(f float64) *float64 { return &f }

// options are what all clients of an end have.
func options(e *connect.End) ([]kgo.Opt, error) {
	var seeds []string
	for s := range strings.SplitSeq(e.Text("brokers"), ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(s); err != nil {
			return nil, fmt.Errorf("%.60q is not like HOST:PORT", s)
		}
		seeds = append(seeds, s)
	}
	if host := e.Text("host"); len(seeds) == 0 && host != "" {
		seeds = append(seeds, net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(e.Int("port"))))
	}
	switch {
	case len(seeds) == 0:
		return nil, errors.New("neither brokers nor host is given")
	case len(seeds) > 100:
		return nil, errors.New("there are more than 100 brokers")
	}
	topic := e.Text("topic")
	if topic == "" || len(topic) > 249 || strings.Trim(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return nil, fmt.Errorf("%.60q is no topic of Kafka", topic)
	}
	var secure *tls.Config
	if e.Bool("tls") {
		var err error
		if secure, err = e.TLS(""); err != nil {
			return nil, err
		}
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.ClientID("wattwerk"), kgo.RetryTimeout(20 * time.Second), kgo.RequestRetries(5),
		kgo.MetadataMinAge(500 * time.Millisecond), // or who leads a partition is learnt only after 5 s
		// Addresses that brokers tell of one another are judged, too.
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := e.House.DialContext(ctx, network, address)
			if err != nil || secure == nil {
				return conn, err
			}
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			c := secure.Clone()
			c.ServerName = host
			s := tls.Client(conn, c)
			shake, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			if err := s.HandshakeContext(shake); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return s, nil
		}),
	}
	password, err := e.Secret("password")
	if err != nil {
		return nil, err
	}
	user := e.Text("user")
	var login sasl.Mechanism
	switch how := e.Text("sasl"); how {
	case "", "none":
		return opts, nil
	case "plain":
		login = plain.Auth{User: user, Pass: string(password)}.AsMechanism()
	case "scram-sha-256":
		login = scram.Auth{User: user, Pass: string(password)}.AsSha256Mechanism()
	case "scram-sha-512":
		login = scram.Auth{User: user, Pass: string(password)}.AsSha512Mechanism()
	default:
		return nil, fmt.Errorf("sasl %.40q is none of plain, scram-sha-256 and scram-sha-512", how)
	}
	if user == "" || password == nil {
		return nil, errors.New("sasl needs user and password")
	}
	return append(opts, kgo.SASL(login)), nil
}
