package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

// answer is how long an answer of the server may take.
const answer = 15 * time.Second

// lastWords is how long a reader that stops waits for what is on the way to it.
const lastWords = 2 * time.Second

// Protocol is that of NATS.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "nats",
		Summary: "Subjects of a NATS server, with or without JetStream.",
		Details: "Of a subject with `*` or `>` the tokens that stand for them are the key. Where a stream has the subject nothing is lost while this program is away: a source " +
			"has a durable consumer there. In the subject of a sink `{key}` stands for the key of a result.",
		Example: `interfaces:
  - name: Over NATS
    protocol: nats
kinds:
  - name: Power as JSON
    quantityKind: TotalRealPower
    format: json
    unit: W
sourceDefinitions:
  - {name: Power over NATS, interface: Over NATS, kinds: [Power as JSON]}
sources:
  - name: Robots
    definition: Power over NATS
    parameters: {servers: "nats-1.example.org:4222", subject: "robots.*.power", tls: true, credentials: nats-credentials}
`,
		Parameters: append([]manifest.Parameter{
			{Name: "servers", Description: "HOST or HOST:PORT of the servers, with commas.", Required: true},
			{Name: "subject", Description: "Of a source: with * for one token and > for all that follow. Of a sink: may have {key}.", Required: true},
			{Name: "stream", Description: "Name of the stream. Absent: the one that has the subject, if any."},
			{Name: "consumer", Description: "Of a source: name of its durable consumer. Absent: wattwerk- and its identifier."},
			{Name: "from", Description: "Of a source at a stream that has never been read: with the earliest message that is kept, or with those that come from now on.", Default: connect.Default("earliest"), OneOf: []string{"earliest", "latest"}},
			{Name: "tls", Type: manifest.Bool, Description: "Speak TLS only.", Default: connect.Default(false)},
			{Name: "user", Description: "Name to log in with."},
			{Name: "password", Type: manifest.Secret, Description: "File of the password."},
			{Name: "token", Type: manifest.Secret, Description: "File of a token to log in with."},
			{Name: "credentials", Type: manifest.Secret, Description: "File of credentials (JWT and seed)."},
			{Name: "nkey", Type: manifest.Secret, Description: "File of the seed of an NKey to log in with."},
			{Name: "ca", Type: manifest.Secret, Description: "File of the certificates that the servers' must be signed by. Absent: those of the system."},
			{Name: "cert", Type: manifest.Secret, Description: "File of our certificate, if the servers want one."},
			{Name: "certKey", Type: manifest.Secret, Description: "File of its key."},
		}, format.Parameters()...),
		Reader: newReader,
		Writer: newWriter,
	}
}

// dialer goes where the settings allow.
type dialer func(network, address string) (net.Conn, error)

func (d dialer) Dial(network, address string) (net.Conn, error) { return d(network, address) }

// servers is how an end reaches its servers.
type servers struct {
	end     connect.End
	urls    []string
	opts    []nats.Option
	subject string
	nkey    []byte // seed; nil: none
}

func open(e *connect.End, wildcards bool) (*servers, error) {
	s := &servers{end: *e, subject: e.Text("subject")}
	secure := e.Bool("tls")
	for u := range strings.SplitSeq(e.Text("servers"), ",") {
		if u = strings.TrimSpace(u); u == "" {
			continue
		}
		if strings.ContainsAny(u, "/@ ") {
			return nil, fmt.Errorf("%.60q is not like HOST:PORT", u)
		}
		s.urls = append(s.urls, "nats://"+u)
	}
	if len(s.urls) == 0 || len(s.urls) > 100 {
		return nil, errors.New("there is no server, or there are more than 100")
	}
	tokens := strings.Split(s.subject, ".")
	for i, t := range tokens {
		if t == "" || strings.ContainsAny(t, " \t\r\n") || len(s.subject) > 1000 {
			return nil, fmt.Errorf("%.60q is no subject", s.subject)
		}
		if t == ">" && i < len(tokens)-1 || t != "*" && t != ">" && strings.ContainsAny(t, "*>") {
			return nil, fmt.Errorf("in the subject %.60q * and > have to be a token of their own, and > the last", s.subject)
		}
		if (t == "*" || t == ">") && !wildcards {
			return nil, fmt.Errorf("the subject %.60q has * or >, which stand for several, and results go to one", s.subject)
		}
	}
	for _, name := range []string{"stream", "consumer"} {
		if strings.ContainsAny(e.Text(name), ".*>/\\ \t\r\n") {
			return nil, fmt.Errorf("%.60q is no name of a %s", e.Text(name), name)
		}
	}
	s.opts = []nats.Option{
		nats.Name("wattwerk"), nats.NoReconnect(), nats.Timeout(answer), nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		// What one server tells of others is not asked for.
		nats.IgnoreDiscoveredServers(),
	}
	secret := func(name string, use func(string)) error {
		b, err := e.Secret(name)
		if err == nil && b != nil {
			use(string(b))
		}
		return err
	}
	err := errors.Join(
		secret("password", func(p string) { s.opts = append(s.opts, nats.UserInfo(e.Text("user"), p)) }),
		secret("token", func(t string) { s.opts = append(s.opts, nats.Token(t)) }),
		secret("credentials", func(c string) { s.opts = append(s.opts, nats.UserCredentialBytes([]byte(c))) }),
		secret("nkey", func(seed string) { s.nkey = []byte(seed) }),
	)
	if err == nil && s.nkey != nil {
		err = s.signed()
	}
	if err != nil {
		return nil, err
	}
	if secure || e.Text("ca") != "" || e.Text("cert") != "" {
		// Every server has its own name: nats.go sets it.
		c, err := e.TLS("")
		if err != nil {
			return nil, err
		}
		s.opts = append(s.opts, nats.Secure(c))
	}
	return s, nil
}

// signed has the end log in by its NKey.
func (s *servers) signed() error {
	pair, err := nkeys.FromSeed(s.nkey)
	if err != nil {
		return errors.New("read nkey: it is no seed of an NKey")
	}
	public, err := pair.PublicKey()
	if err != nil {
		return errors.New("read nkey: it is no seed of an NKey")
	}
	s.opts = append(s.opts, nats.Nkey(public, pair.Sign))
	return nil
}

// link is one connection.
type link struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	closed chan struct{}
	why    chan error // of slow consumers and permissions, the first
}

func (s *servers) connect(ctx context.Context) (*link, error) {
	l := &link{closed: make(chan struct{}), why: make(chan error, 1)}
	opts := append(s.opts[:len(s.opts):len(s.opts)],
		nats.SetCustomDialer(dialer(func(network, address string) (net.Conn, error) { return s.end.House.DialContext(ctx, network, address) })),
		nats.ClosedHandler(func(*nats.Conn) { close(l.closed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			select {
			case l.why <- err:
			default:
			}
		}))
	var err error
	if l.conn, err = nats.Connect(strings.Join(s.urls, ","), opts...); err != nil {
		return nil, fmt.Errorf("the server is not reached: %w", err)
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *link) close() {
	l.conn.Close()
	<-l.closed
}

// lost is why the connection ended.
func (l *link) lost() error {
	if err := l.conn.LastError(); err != nil {
		return fmt.Errorf("the connection to the server broke: %w", err)
	}
	return errors.New("the connection to the server broke")
}

// stream gives the stream that an end uses; empty: there is none.
func (s *servers) stream(ctx context.Context, js jetstream.JetStream, subject string) (string, error) {
	if name := s.end.Text("stream"); name != "" {
		return name, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	name, err := js.StreamNameBySubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return "", nil
	}
	return name, err
}
