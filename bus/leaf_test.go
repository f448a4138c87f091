package bus

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattwerk/wattwerk/internal/certs"
)

// pki is an authority with a centre and some sites.
type pki struct {
	t   *testing.T
	dir string
	ca  *certs.Authority
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	dir := t.TempDir()
	if _, err := certs.Create(dir); err != nil {
		t.Fatal(err)
	}
	ca, err := certs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Server(dir, []string{"127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	return &pki{t, dir, ca}
}

func (k *pki) leaf(name string) Leaf {
	f := certs.Of(k.dir, name)
	return Leaf{Cert: f.Cert, Key: f.Key, CA: certs.Of(k.dir, "ca").Cert}
}

// centre opens a bus that listens for edges.
func (k *pki) centre(sites ...string) *Bus {
	l := k.leaf("centre")
	l.Listen, l.Sites = "127.0.0.1:0", sites
	return open(k.t, Options{Leaf: l})
}

// site gives the end of the link of a site, with a certificate made for it.
func (k *pki) site(centre *Bus, site string) Leaf {
	k.t.Helper()
	if _, err := k.ca.Edge(k.dir, site); err != nil {
		k.t.Fatal(err)
	}
	l := k.leaf(site)
	l.Site, l.URL = site, "tls://"+centre.LinkAddr()
	return l
}

// reached waits until a request is answered.
func reached(t *testing.T, edge *Bus, subject string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		m, err := edge.Link().RequestWithContext(ctx, subject, []byte("moin"))
		if err == nil {
			return string(m.Data)
		}
		if !errors.Is(err, nats.ErrNoResponders) {
			t.Fatalf("ask %s: %v", subject, err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%s was not reached: %v", subject, err)
		}
	}
}

// echo answers on all landing subjects.
func echo(t *testing.T, centre *Bus) {
	t.Helper()
	if _, err := centre.Link().Subscribe(LandingSubjects, func(m *nats.Msg) {
		_ = m.Respond([]byte(SiteOf(m.Subject) + " said " + string(m.Data)))
	}); err != nil {
		t.Fatal(err)
	}
}

func TestEdgesReachTheirCentre(t *testing.T) {
	k := newPKI(t)
	centre := k.centre()
	echo(t, centre)
	for _, site := range []string{"kiel", "plant-2"} {
		edge := open(t, Options{Leaf: k.site(centre, site)})
		if got := reached(t, edge, LandingSubject(site)); got != site+" said moin" {
			t.Errorf("%q", got)
		}
	}
}

// TestASiteThatIsNotListedStaysOut has a certificate, but was taken off the list.
func TestASiteThatIsNotListedStaysOut(t *testing.T) {
	k := newPKI(t)
	centre := k.centre("kiel")
	echo(t, centre)
	edge := open(t, Options{Leaf: k.site(centre, "kiel")})
	reached(t, edge, LandingSubject("kiel"))
	r := dialRaw(t, k.site(centre, "lost"))
	r.say(`CONNECT {"name":"x","server_id":"x"}`)
	r.untilClosed()
}

// raw speaks the protocol of leaf nodes without the manners of a server: what
// it may not do is up to the centre alone.
type raw struct {
	t    *testing.T
	conn *tls.Conn
	in   *bufio.Reader
}

func dialRaw(t *testing.T, l Leaf) *raw {
	t.Helper()
	own, err := tls.LoadX509KeyPair(l.Cert, l.Key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(l.CA)
	if err != nil {
		t.Fatal(err)
	}
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM(data)
	c, err := tls.Dial("tcp", strings.TrimPrefix(l.URL, "tls://"), &tls.Config{
		Certificates: []tls.Certificate{own}, RootCAs: ca, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := &raw{t, c, bufio.NewReader(c)}
	if line := r.line(); !strings.HasPrefix(line, "INFO ") {
		t.Fatalf("the centre said %q", line)
	}
	return r
}

func (r *raw) say(format string, a ...any) {
	r.t.Helper()
	if _, err := fmt.Fprintf(r.conn, format+"\r\n", a...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) line() string {
	r.t.Helper()
	line, err := r.in.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

// untilClosed reads to the end, which must come.
func (r *raw) untilClosed() {
	r.t.Helper()
	for {
		if _, err := r.in.ReadString('\n'); err != nil {
			if os.IsTimeout(err) {
				r.t.Error("the centre did not hang up")
			}
			return
		}
	}
}

// heard collects what comes up to the answer to a PING, and to the request
// when there is one, or until the centre hangs up.
func (r *raw) heard(answer bool) string {
	r.t.Helper()
	r.say("PING")
	var all strings.Builder
	for pong := false; !pong || answer && !strings.Contains(all.String(), "said"); {
		line, err := r.in.ReadString('\n')
		if os.IsTimeout(err) {
			r.t.Fatalf("the centre neither answers nor hangs up, after %q", all.String())
		}
		pong = pong || line == "PONG\r\n"
		all.WriteString(line)
		if err != nil {
			break
		}
	}
	return all.String()
}

// TestAnEdgeCannotBreakOut does by hand what a taken-over edge might try.
func TestAnEdgeCannotBreakOut(t *testing.T) {
	k := newPKI(t)
	centre := k.centre()
	echo(t, centre)
	if _, err := centre.PublishRecords(t.Context(), 0, []byte("not yours")); err != nil {
		t.Fatal(err)
	}
	other := open(t, Options{Leaf: k.site(centre, "other")})
	reached(t, other, LandingSubject("other"))
	// All that reaches the services' account, and the one of the link.
	spied := make(chan string, 100)
	for _, c := range []*nats.Conn{centre.Conn(), centre.Link()} {
		if _, err := c.Subscribe(">", func(m *nats.Msg) {
			if string(m.Data) == "evil" {
				spied <- m.Subject
			}
		}); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for _, connect := range []map[string]any{
		{"name": "wattwerk-evil", "server_id": "EVIL"},
		{"name": "wattwerk-other", "server_id": "EVIL", "remote_account": "UPLINK"}, // as if it were the other
		{"name": "wattwerk-evil", "server_id": "EVIL", "is_hub": true},
		{"name": "wattwerk-evil", "server_id": "EVIL", "user": "services", "account": "$G", "domain": "hub"},
	} {
		l := k.leaf("evil")
		if _, err := os.Stat(l.Cert); err != nil {
			l = k.site(centre, "evil")
		}
		l.URL = "tls://" + centre.LinkAddr()
		said, err := json.Marshal(connect)
		if err != nil {
			t.Fatal(err)
		}
		var tricks []string
		for _, s := range []string{">", "*.>", "records.>", "records.0", "_INBOX.>", "$JS.API.>", "landing.>", "landing.other", "landed.>", "landed.other.>", "landed.*.>", "$SYS.>", "_R_.>", "_GR_.>", "$LDS.>"} {
			tricks = append(tricks, "LS+ "+s)
		}
		for _, s := range []string{
			"records.0", "landing.other", "$JS.API.STREAM.INFO.RECORDS-0000", "$JS.API.STREAM.DELETE.RECORDS-0000",
			"$JS.API.STREAM.MSG.GET.RECORDS-0000", "$JS.hub.API.STREAM.NAMES", "$KV.positions.history.0", "landed.other.1", "$SYS.REQ.SERVER.PING",
			"$SYS.REQ.USER.INFO", "$SYS.REQ.ACCOUNT.PING.CONNZ", "dead.x", "_R_.x.y", "$GR.x.y.records.0", "_GR_.x.y.records.0",
		} {
			tricks = append(tricks, "LS+ landed.evil.>\r\nLMSG "+s+" landed.evil.1 4\r\nevil")
		}
		// The last is what it may do.
		tricks = append(tricks, "LS+ landed.evil.>\r\nLMSG landing.evil landed.evil.2 4\r\nevil")
		honest := connect["is_hub"] == nil && connect["user"] == nil // the centre hangs up on others
		for i, trick := range tricks {
			r := dialRaw(t, l)
			r.say("CONNECT %s\r\n%s", said, trick)
			// Meanwhile somebody else is spoken to, which this one is not to hear.
			if _, err := other.Link().Request(LandingSubject("other"), []byte("secret"), time.Minute); err != nil {
				t.Fatalf("%v %q: the other edge is cut off: %v", connect, trick, err)
			}
			heard := r.heard(i == len(tricks)-1)
			if i < len(tricks)-1 && (strings.Contains(heard, "secret") || strings.Contains(heard, "not yours") || strings.Contains(heard, "stream_") || strings.Contains(heard, "LMSG ")) {
				t.Errorf("%v %q: the edge was told %q", connect, trick, heard)
			}
			if i == len(tricks)-1 && honest && !strings.Contains(heard, "evil said evil") {
				t.Errorf("%v: the edge could not do what it may: %q", connect, heard)
			}
			r.conn.Close()
		}
	}
	if err := centre.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case s := <-spied:
			if s != "landing.evil" {
				t.Errorf("the edge reached %s", s)
			}
			continue
		default:
		}
		break
	}
	x, err := centre.RecordsExtent(t.Context(), 0)
	if err != nil || x.Last != 1 {
		t.Errorf("the records stream ends at %d, %v", x.Last, err)
	}
}

// TestTheEdgeIsClosedToItsCentre: a centre that is taken over reaches nothing
// at the edge either.
func TestTheEdgeIsClosedToItsCentre(t *testing.T) {
	k := newPKI(t)
	centre := k.centre()
	echo(t, centre)
	edge := open(t, Options{Leaf: k.site(centre, "kiel")})
	reached(t, edge, LandingSubject("kiel"))
	acc, err := centre.server.LookupAccount(siteAccount + "kiel")
	if err != nil {
		t.Fatal(err)
	}
	centre.door.edges.Lock()
	centre.door.linked = acc // the door leads into the account of the site now
	centre.door.edges.Unlock()
	inside, err := nats.Connect("", nats.InProcessServer(centre.server), nats.UserInfo(centre.door.link.User, centre.door.link.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	for _, s := range []string{"$JS.API.STREAM.NAMES", "$JS.kiel.API.STREAM.NAMES", "$JS.API.INFO", "$JS.kiel.API.INFO", "$SYS.REQ.SERVER.PING"} {
		if m, err := inside.Request(s, nil, 300*time.Millisecond); err == nil && strings.Contains(string(m.Data), "RECORDS") {
			t.Errorf("%s was answered: %s", s, m.Data)
		}
	}
	if _, err := inside.Request("records.0", []byte("evil"), 300*time.Millisecond); err == nil {
		t.Error("the centre wrote into the edge's records")
	}
	if x, err := edge.RecordsExtent(t.Context(), 0); err != nil || x.Last != 0 {
		t.Errorf("the edge has %d messages, %v", x.Last, err)
	}
}

func TestALinkIsNeverOpen(t *testing.T) {
	k := newPKI(t)
	for name, l := range map[string]Leaf{
		"no certificate": {Listen: "127.0.0.1:0"},
		"not tls":        {URL: "nats://127.0.0.1:7422", Site: "kiel", Cert: "a", Key: "b", CA: "c"},
		"no site":        {URL: "tls://127.0.0.1:7422", Cert: "a", Key: "b", CA: "c"},
		"both ends":      {URL: "tls://127.0.0.1:7422", Listen: "127.0.0.1:0", Site: "kiel", Cert: "a", Key: "b", CA: "c"},
		"no files":       {Listen: "127.0.0.1:0", Cert: k.dir + "/a", Key: k.dir + "/b", CA: k.dir + "/c"},
		"a site":         {URL: "tls://127.0.0.1:7422", Site: "a.b", Cert: "a", Key: "b", CA: "c"},
	} {
		b, err := Open(t.Context(), Options{Dir: t.TempDir(), MinFree: 1, Partitions: 1, Leaf: l})
		if err == nil {
			b.Close()
			t.Errorf("%s: it opened", name)
		}
	}
	// Who has no certificate is not even told the server's name.
	centre := k.centre()
	c, err := tls.Dial("tcp", centre.LinkAddr(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}) //nolint:gosec // it is about the other side
	if err == nil {
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		if n, err := c.Read(buf); err == nil {
			t.Errorf("a stranger was told %q", buf[:n])
		}
	}
}
