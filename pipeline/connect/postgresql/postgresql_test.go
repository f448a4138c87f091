package postgresql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
	"github.com/wattwerk/wattwerk/record"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// network leads to the socket of a server, and can be cut.
type network struct {
	addr  string
	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

func newNetwork(t *testing.T, socket string) *network {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{addr: l.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		n.cut(true)
		all.Wait()
	})
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			n.mu.Lock()
			if err != nil || n.down {
				_ = in.Close()
				if err == nil {
					_ = out.Close()
				}
				n.mu.Unlock()
				continue
			}
			n.conns = append(n.conns, in, out)
			n.mu.Unlock()
			all.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
			all.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
		}
	})
	return n
}

// cut breaks all connections; down: and lets no new ones through.
func (n *network) cut(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// database gives values that lead to an empty database, and a connection of
// somebody else to it.
func database(t *testing.T) (house *connect.House, values []string, n *network, other *pgx.Conn) {
	t.Helper()
	at := pgtest.Database(t)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	n = newNetwork(t, filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"))
	house = connecttest.House()
	house.Secrets = t.TempDir()
	password, _ := u.User.Password()
	if err := os.WriteFile(filepath.Join(house.Secrets, "password"), []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(n.addr)
	other, err = pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	return house, []string{"host", host, "port", port, "database", strings.TrimPrefix(u.Path, "/"), "user", u.User.Username(), "password", "password"}, n, other
}

func rows(t *testing.T, c *pgx.Conn, table string) (all []string) {
	t.Helper()
	r, err := c.Query(t.Context(), "SELECT manifest, processor, key, (extract(epoch FROM time) * 1000)::bigint, value, marks FROM "+table+" ORDER BY 1, 2, 3, 4")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for r.Next() {
		var m, p, k, marks string
		var at int64
		var v *float64
		if err := r.Scan(&m, &p, &k, &at, &v, &marks); err != nil {
			t.Fatal(err)
		}
		value := "null"
		if v != nil {
			value = fmt.Sprint(*v)
		}
		all = append(all, strings.Join([]string{m, p, k, fmt.Sprint(at), value, marks}, "|"))
	}
	return all
}

func TestWrites(t *testing.T) {
	house, values, _, other := database(t)
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values...))
	results := []connect.Written{
		{Manifest: "m", Processor: "p", Key: "a", Time: 1, Value: 1.5},
		{Manifest: "m", Processor: "p", Key: "a", Time: 2, Marks: observation.Null},
		{Manifest: "m", Processor: "p", Key: `b'";DROP`, Time: 1, Value: -2, Marks: observation.Partial | observation.Alarm},
		{Manifest: "m", Processor: "p", Key: "a", Time: 1, Value: 2.5}, // the same once more
		{Manifest: "m", Processor: "p", Key: "zero\x00", Time: 1},
		{Manifest: "m", Processor: "p", Key: "\xff", Time: 1},
	}
	want := []string{"m|p|a|1|2.5|", "m|p|a|2|null|", `m|p|b'";DROP|1|-2|partial,alarm`}
	for range 2 {
		err := w.Write(t.Context(), results)
		var refused *connect.Refused
		if !errors.As(err, &refused) || len(refused.Results) != 2 {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, rows(t, other, "results")); d != "" {
			t.Error(d)
		}
	}
	if err := w.Write(t.Context(), nil); err != nil {
		t.Error(err)
	}
	var many []connect.Written
	for i := range 2*chunk + 10 {
		many = append(many, connect.Written{Manifest: "many", Processor: "p", Key: "k", Time: record.Millis(i), Value: float64(i)})
	}
	if err := w.Write(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, other, "results WHERE manifest = 'many'"); len(got) != len(many) {
		t.Errorf("%d rows", len(got))
	}
}

func TestNamesAreQuoted(t *testing.T) {
	house, values, _, other := database(t)
	if _, err := other.Exec(t.Context(), `CREATE SCHEMA "odd ""one"""`); err != nil {
		t.Fatal(err)
	}
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, append(values, "table", `odd "one".x"; DROP TABLE y; --`)...))
	if err := w.Write(t.Context(), []connect.Written{{Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, other, `"odd ""one"""."x""; DROP TABLE y; --"`); len(got) != 1 {
		t.Error(got)
	}
	for _, values := range [][]string{
		{"host", "/tmp", "database", "d", "user", "u"}, {"host", "", "database", "d", "user", "u"}, {"host", "a,b", "database", "d", "user", "u"},
		{"host", "h", "database", "d", "user", "u", "table", "a.b.c"}, {"host", "h", "database", "d", "user", "u", "table", "a."},
		{"host", "h", "database", "d", "user", "u", "table", strings.Repeat("a", 64)}, {"host", "h", "database", "d", "user", "u", "password", "/etc/passwd"},
	} {
		if _, err := newWriter(t.Context(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values...)); err == nil {
			t.Errorf("%s is right", values)
		}
	}
}

// TestIsCut breaks the connection, keeps the server away, and drops the table.
func TestIsCut(t *testing.T) {
	house, values, n, other := database(t)
	// What the environment says must not lead elsewhere.
	for k, v := range map[string]string{"PGHOST": "nowhere.invalid", "PGPORT": "1", "PGPASSWORD": "no", "PGSSLMODE": "require", "PGOPTIONS": "-c x=y"} {
		t.Setenv(k, v)
	}
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values...))
	write := func(at int) error {
		return w.Write(t.Context(), []connect.Written{{Key: "k", Time: record.Millis(at), Value: 1}})
	}
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	n.cut(true)
	for range 3 {
		if err := write(2); err == nil {
			t.Error("written while the server is away")
		}
	}
	n.cut(false)
	if err := write(2); err != nil {
		t.Error(err)
	}
	if _, err := other.Exec(t.Context(), "DROP TABLE results"); err != nil {
		t.Fatal(err)
	}
	if err := write(3); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
	if err := write(3); err != nil {
		t.Error(err)
	}
	if got := rows(t, other, "results"); len(got) != 1 {
		t.Error(got)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	house, values, _, _ := database(t)
	if err := os.WriteFile(filepath.Join(house.Secrets, "wrong"), []byte("battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	shut := *house
	shut.Private = false
	for _, c := range []struct {
		house *connect.House
		want  string
		more  []string
	}{
		{house, "password", []string{"password", "wrong"}},
		{house, "none-of-them", []string{"database", "none-of-them"}},
		{house, "TLS", []string{"tls", "true"}},
		{&shut, connect.ErrReach.Error(), nil},
	} {
		w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), c.house, manifest.Kind{}, append(values, c.more...)...))
		err := w.Write(t.Context(), []connect.Written{{Value: 1}})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "battery") {
			t.Errorf("%s: %v", c.want, err)
		}
	}
}

// TestSecured writes to a server that takes TLS and SCRAM only: its certificate is
// held against the name that is asked for, and what is wrong is told without the
// password.
func TestSecured(t *testing.T) {
	house := connecttest.House()
	house.Secrets = t.TempDir()
	server, port, ca := pgtest.StartSecure(t, func(dir string) (ca, cert, key string, err error) {
		if _, err := certs.Create(dir); err != nil {
			return "", "", "", err
		}
		a, err := certs.Open(dir)
		if err != nil {
			return "", "", "", err
		}
		own, err := a.Server(dir, []string{"127.0.0.1"})
		return certs.Of(dir, "ca").Cert, own.Cert, own.Key, err
	})
	foreign, err := certs.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	for name, from := range map[string]string{"ca": ca, "foreign": foreign.Cert} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(house.Secrets, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"password": password, "wrong": "battery staple"} {
		if err := os.WriteFile(filepath.Join(house.Secrets, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	values := []string{"host", "127.0.0.1", "port", port, "database", strings.TrimPrefix(u.Path, "/"), "user", u.User.Username(), "password", "password", "tls", "true", "ca", "ca"}
	for _, c := range []struct {
		want string // empty: it is written
		more []string
	}{
		{"", nil},
		{"password authentication failed", []string{"password", "wrong"}},
		{"certificate signed by unknown authority", []string{"ca", "foreign"}},
		{"wanted to match localhost", []string{"host", "localhost"}},
		{"no encryption", []string{"tls", "false"}},
	} {
		all := slices.Concat(values, c.more)
		w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, all...))
		err := w.Write(t.Context(), []connect.Written{{Manifest: "m", Processor: "p", Time: 1, Value: 3}})
		switch {
		case c.want == "" && err != nil:
			t.Error(err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", c.want, err)
		case err != nil && (strings.Contains(err.Error(), "battery") || strings.Contains(err.Error(), password)):
			t.Errorf("a password is told: %v", err)
		}
	}
}
